//! Splits an expression into tokens.

/// A token of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A keyword, a function or a bare attribute name.
    Word(String),
    /// `#name`
    Name(String),
    /// `:value`
    Value(String),
    /// An index into a list.
    Integer(usize),
    /// Punctuation or an operator.
    Symbol(&'static str),
}

/// Longer ones first.
const SYMBOLS: [&str; 14] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "[", "]", "+", "-"];

impl Token {
    /// The token as it was written.
    pub(crate) fn text(&self) -> String {
        match self {
            Token::Word(text) | Token::Name(text) | Token::Value(text) => text.clone(),
            Token::Integer(number) => number.to_string(),
            Token::Symbol(symbol) => (*symbol).to_owned(),
        }
    }
}

/// The tokens of an expression, or the first thing that is none.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let sigil = usize::from(first == '#' || first == ':');
        let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let length = sigil + rest.chars().skip(sigil).take_while(|character| word(*character)).count();
        let length = if length == 0 {
            SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)).map_or(0, |symbol| symbol.len())
        } else {
            length
        };
        let taken = rest.get(..length).unwrap_or_default();
        let symbol = SYMBOLS.into_iter().find(|symbol| *symbol == taken);
        tokens.push(match (first, symbol) {
            ('#', _) if length > 1 => Token::Name(taken.to_owned()),
            (':', _) if length > 1 => Token::Value(taken.to_owned()),
            (_, Some(symbol)) => Token::Symbol(symbol),
            ('0'..='9', _) => Token::Integer(taken.parse().map_err(|_| taken.to_owned())?),
            _ if length > 0 && sigil == 0 => Token::Word(taken.to_owned()),
            _ => return Err(first.to_string()),
        });
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}
