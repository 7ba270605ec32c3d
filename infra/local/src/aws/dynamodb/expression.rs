//! The grammar of conditions, filters, key conditions, updates and projections.
//!
//! Source: Amazon DynamoDB Developer Guide, "Condition and filter expressions, operators, and
//! functions" and "Using update expressions in DynamoDB", 2026. Placeholders are resolved while
//! parsing, so what comes out needs no context. Not emulated: the update clauses ADD and DELETE.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::lexer::{Token, tokens};
use super::parser::{Parser, syntax};
use super::value::Attr;
use super::{object, validation};
use crate::aws::ServiceError;

/// Source: Amazon DynamoDB Developer Guide, "Quotas" (expression parameters), 2026.
const LONGEST_BYTES: usize = 4096;
const MOST_OPERATORS: usize = 300;

/// A path into an item: never empty, the first step is a name.
pub(crate) type Path = Vec<Step>;

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Path(Path),
    Value(Attr),
    Size(Path),
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Compare(Comparator, Operand, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    HasType(Path, Attr),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

/// The right side of SET.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    Operand(Operand),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
    Plus(Box<Term>, Box<Term>),
    Minus(Box<Term>, Box<Term>),
}

/// An update.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Update {
    pub(crate) set: Vec<(Path, Term)>,
    pub(crate) remove: Vec<Path>,
}

/// The placeholders of a request, and which of them its expressions have used.
pub(crate) struct Placeholders {
    pub(super) names: BTreeMap<String, String>,
    pub(super) values: BTreeMap<String, Attr>,
    pub(super) used: RefCell<BTreeSet<String>>,
}

impl Placeholders {
    pub(crate) fn of(input: &Map<String, Value>) -> Result<Placeholders, ServiceError> {
        let (mut names, mut values) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in object(input, "ExpressionAttributeNames")?.into_iter().flatten() {
            let text = value.as_str().filter(|_| name.starts_with('#') && name.len() > 1);
            let invalid =
                || validation(format!("ExpressionAttributeNames contains invalid key: Syntax error; key: \"{name}\""));
            names.insert(name.clone(), text.ok_or_else(invalid)?.to_owned());
        }
        for (name, value) in object(input, "ExpressionAttributeValues")?.into_iter().flatten() {
            if !name.starts_with(':') || name.len() == 1 {
                return Err(validation(format!(
                    "ExpressionAttributeValues contains invalid key: Syntax error; key: \"{name}\""
                )));
            }
            values.insert(name.clone(), Attr::parse(value)?);
        }
        Ok(Placeholders { names, values, used: RefCell::default() })
    }

    /// Parses one of the request's expressions, if it is there.
    pub(crate) fn condition(
        &self,
        input: &Map<String, Value>,
        member: &'static str,
    ) -> Result<Option<Condition>, ServiceError> {
        self.whole(input, member, |parser| parser.condition())
    }

    pub(crate) fn update(&self, input: &Map<String, Value>) -> Result<Option<Update>, ServiceError> {
        self.whole(input, "UpdateExpression", |parser| parser.update())
    }

    pub(crate) fn projection(&self, input: &Map<String, Value>) -> Result<Option<Vec<Path>>, ServiceError> {
        self.whole(input, "ProjectionExpression", |parser| parser.list(Parser::path))
    }

    /// Refuses placeholders nothing has used, as DynamoDB does.
    pub(crate) fn all_used(&self) -> Result<(), ServiceError> {
        let used = self.used.borrow();
        let unused = |names: Vec<&String>| -> Vec<String> {
            names.into_iter().filter(|name| !used.contains(*name)).cloned().collect()
        };
        for (member, names) in [
            ("ExpressionAttributeNames", unused(self.names.keys().collect())),
            ("ExpressionAttributeValues", unused(self.values.keys().collect())),
        ] {
            if !names.is_empty() {
                let names = names.join(", ");
                return Err(validation(format!("Value provided in {member} unused in expressions: keys: {{{names}}}")));
            }
        }
        Ok(())
    }

    fn whole<T>(
        &self,
        input: &Map<String, Value>,
        member: &'static str,
        parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ServiceError>,
    ) -> Result<Option<T>, ServiceError> {
        let Some(text) = input.get(member) else {
            return Ok(None);
        };
        let text = text.as_str().ok_or_else(|| validation(format!("{member} must be a string")))?;
        if text.trim().is_empty() {
            return Err(validation(format!("Invalid {member}: The expression can not be empty;")));
        }
        if text.len() > LONGEST_BYTES {
            return Err(validation(format!(
                "Invalid {member}: Expression size has exceeded the maximum allowed size;"
            )));
        }
        let tokens = tokens(text).map_err(|token| syntax(member, &token))?;
        let nests = |token: &&Token| match token {
            Token::Symbol(symbol) => *symbol == "(",
            Token::Word(word) => word.eq_ignore_ascii_case("NOT"),
            _ => false,
        };
        if tokens.iter().filter(nests).count() > MOST_OPERATORS {
            return Err(validation(format!("Invalid {member}: The expression contains too many operators;")));
        }
        let mut parser = Parser { member, tokens, at: 0, placeholders: self };
        let parsed = parse(&mut parser)?;
        match parser.peek() {
            None => Ok(Some(parsed)),
            Some(_) => Err(parser.unexpected()),
        }
    }
}
