//! The parser behind `expression`: one function per rule of the grammar.

use std::collections::BTreeSet;

use super::expression::{Comparator, Condition, Operand, Path, Placeholders, Step, Term, Update};
use super::lexer::Token;
use super::reserved::is_reserved;
use super::validation;
use super::value::Attr;
use crate::aws::ServiceError;

/// Reads one expression, token by token.
pub(super) struct Parser<'a> {
    pub(super) member: &'static str,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    pub(super) placeholders: &'a Placeholders,
}

impl Parser<'_> {
    pub(super) fn condition(&mut self) -> Result<Condition, ServiceError> {
        let mut left = self.conjunction()?;
        while self.keyword("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Condition, ServiceError> {
        let mut left = self.negation()?;
        while self.keyword("AND") {
            left = Condition::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Condition, ServiceError> {
        if self.keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.negation()?)));
        }
        if self.symbol("(") {
            let inner = self.condition()?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Condition, ServiceError> {
        if let Some(function) = self.function() {
            let condition = match function.as_str() {
                "attribute_exists" => Condition::Exists(self.path()?),
                "attribute_not_exists" => Condition::NotExists(self.path()?),
                "attribute_type" => {
                    let (path, kind) = self.pair(Parser::path, Parser::value)?;
                    Condition::HasType(path, kind)
                }
                "begins_with" => {
                    let (whole, start) = self.pair(Parser::operand, Parser::operand)?;
                    Condition::BeginsWith(whole, start)
                }
                "contains" => {
                    let (whole, part) = self.pair(Parser::operand, Parser::operand)?;
                    Condition::Contains(whole, part)
                }
                // The one function that is an operand: step back to its name.
                "size" => {
                    self.at -= 2;
                    return self.comparison();
                }
                _ => return Err(self.error(format!("Invalid function name; function: {function}"))),
            };
            self.expect(")")?;
            return Ok(condition);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, ServiceError> {
        let left = self.operand()?;
        if self.keyword("BETWEEN") {
            let low = self.operand()?;
            if !self.keyword("AND") {
                return Err(self.unexpected());
            }
            return Ok(Condition::Between(left, low, self.operand()?));
        }
        if self.keyword("IN") {
            self.expect("(")?;
            let list = self.list(Parser::operand)?;
            self.expect(")")?;
            return Ok(Condition::In(left, list));
        }
        let comparators = [
            ("=", Comparator::Equal),
            ("<>", Comparator::NotEqual),
            ("<=", Comparator::LessOrEqual),
            ("<", Comparator::Less),
            (">=", Comparator::GreaterOrEqual),
            (">", Comparator::Greater),
        ];
        for (symbol, comparator) in comparators {
            if self.symbol(symbol) {
                return Ok(Condition::Compare(comparator, left, self.operand()?));
            }
        }
        Err(self.unexpected())
    }

    fn operand(&mut self) -> Result<Operand, ServiceError> {
        if matches!(self.peek(), Some(Token::Value(_))) {
            return Ok(Operand::Value(self.value()?));
        }
        match self.function() {
            Some(function) if function == "size" => {
                let path = self.path()?;
                self.expect(")")?;
                Ok(Operand::Size(path))
            }
            Some(function) => Err(self.error(format!(
                "The function is not allowed to be used this way in an expression; function: {function}"
            ))),
            None => Ok(Operand::Path(self.path()?)),
        }
    }

    pub(super) fn update(&mut self) -> Result<Update, ServiceError> {
        let mut update = Update::default();
        let mut seen = BTreeSet::new();
        while let Some(Token::Word(word)) = self.peek() {
            let clause = word.to_ascii_uppercase();
            if !seen.insert(clause.clone()) {
                return Err(
                    self.error(format!("The \"{clause}\" section can only be used once in an update expression;"))
                );
            }
            self.at += 1;
            match clause.as_str() {
                "SET" => update.set = self.list(Parser::assignment)?,
                "REMOVE" => update.remove = self.list(Parser::path)?,
                "ADD" | "DELETE" => {
                    return Err(self.error(format!("the clause {clause} is not emulated")));
                }
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            }
        }
        let paths: Vec<&Path> = update.set.iter().map(|(path, _)| path).chain(&update.remove).collect();
        for (index, path) in paths.iter().enumerate() {
            if paths.iter().skip(index + 1).any(|other| path.starts_with(other) || other.starts_with(path)) {
                return Err(self.error(
                    "Two document paths overlap with each other; must remove or rewrite one of these paths;".to_owned(),
                ));
            }
        }
        Ok(update)
    }

    fn assignment(&mut self) -> Result<(Path, Term), ServiceError> {
        let path = self.path()?;
        self.expect("=")?;
        let left = self.term()?;
        if self.symbol("+") {
            return Ok((path, Term::Plus(Box::new(left), Box::new(self.term()?))));
        }
        if self.symbol("-") {
            return Ok((path, Term::Minus(Box::new(left), Box::new(self.term()?))));
        }
        Ok((path, left))
    }

    fn term(&mut self) -> Result<Term, ServiceError> {
        let term = match self.function().as_deref() {
            None => return Ok(Term::Operand(self.operand()?)),
            Some("if_not_exists") => {
                let (path, otherwise) = self.pair(Parser::path, Parser::term)?;
                Term::IfNotExists(path, Box::new(otherwise))
            }
            Some("list_append") => {
                let (first, second) = self.pair(Parser::term, Parser::term)?;
                Term::ListAppend(Box::new(first), Box::new(second))
            }
            Some(function) => {
                return Err(self.error(format!("Invalid function name; function: {function}")));
            }
        };
        self.expect(")")?;
        Ok(term)
    }

    pub(super) fn path(&mut self) -> Result<Path, ServiceError> {
        let mut path = vec![Step::Name(self.name()?)];
        loop {
            if self.symbol(".") {
                path.push(Step::Name(self.name()?));
            } else if self.symbol("[") {
                let Some(Token::Integer(index)) = self.peek() else {
                    return Err(self.unexpected());
                };
                let index = *index;
                self.at += 1;
                self.expect("]")?;
                path.push(Step::Index(index));
            } else {
                return Ok(path);
            }
        }
    }

    fn name(&mut self) -> Result<String, ServiceError> {
        let name = match self.peek() {
            Some(Token::Word(word)) if is_reserved(word) => {
                return Err(self.error(format!("Attribute name is a reserved keyword; reserved keyword: {word}")));
            }
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Name(name)) => {
                self.placeholders.used.borrow_mut().insert(name.clone());
                let known = self.placeholders.names.get(name);
                let undefined = || {
                    self.error(format!(
                        "An expression attribute name used in the document path is not defined; attribute name: {name}"
                    ))
                };
                known.cloned().ok_or_else(undefined)?
            }
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(name)
    }

    fn value(&mut self) -> Result<Attr, ServiceError> {
        let Some(Token::Value(name)) = self.peek() else {
            return Err(self.unexpected());
        };
        self.placeholders.used.borrow_mut().insert(name.clone());
        let known = self.placeholders.values.get(name);
        let undefined = || {
            self.error(format!(
                "An expression attribute value used in expression is not defined; attribute value: {name}"
            ))
        };
        let value = known.cloned().ok_or_else(undefined)?;
        self.at += 1;
        Ok(value)
    }

    pub(super) fn list<T>(
        &mut self,
        one: impl Fn(&mut Self) -> Result<T, ServiceError>,
    ) -> Result<Vec<T>, ServiceError> {
        let mut list = vec![one(self)?];
        while self.symbol(",") {
            list.push(one(self)?);
        }
        Ok(list)
    }

    fn pair<A, B>(
        &mut self,
        first: impl Fn(&mut Self) -> Result<A, ServiceError>,
        second: impl Fn(&mut Self) -> Result<B, ServiceError>,
    ) -> Result<(A, B), ServiceError> {
        let first = first(self)?;
        self.expect(",")?;
        Ok((first, second(self)?))
    }

    /// Steps over `name (` and gives the name; function names are case-sensitive.
    fn function(&mut self) -> Option<String> {
        let Some(Token::Word(word)) = self.peek() else {
            return None;
        };
        let word = word.clone();
        let open = matches!(self.tokens.get(self.at + 1), Some(Token::Symbol("(")));
        (open && !["AND", "OR", "NOT", "IN", "BETWEEN"].contains(&word.to_ascii_uppercase().as_str())).then(|| {
            self.at += 2;
            word
        })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ServiceError> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn unexpected(&self) -> ServiceError {
        syntax(self.member, &self.peek().map_or_else(|| "<EOF>".to_owned(), Token::text))
    }

    fn error(&self, reason: String) -> ServiceError {
        validation(format!("Invalid {}: {reason}", self.member))
    }
}

pub(super) fn syntax(member: &str, token: &str) -> ServiceError {
    validation(format!("Invalid {member}: Syntax error; token: \"{token}\""))
}
