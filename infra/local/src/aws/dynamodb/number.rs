//! DynamoDB numbers: decimals of up to 38 digits, exact, with an order-preserving key form.
//! Source: Amazon DynamoDB Developer Guide, "Supported data types and naming rules", 2026.

use std::cmp::Ordering;
use std::fmt;

const LARGEST_DIGITS: usize = 38;

/// A decimal, kept as 0.d₁d₂… × 10^exponent without leading or trailing zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

impl Number {
    /// Reads a number in plain or scientific notation.
    ///
    /// # Errors
    /// What DynamoDB says about it.
    pub(crate) fn parse(text: &str) -> Result<Number, String> {
        let invalid = || format!("The parameter cannot be converted to a numeric value: {text}");
        let (mantissa, scale) = match text.split_once(['e', 'E']) {
            Some((mantissa, scale)) => (mantissa, scale.parse::<i32>().map_err(|_| invalid())?),
            None => (text, 0),
        };
        let negative = mantissa.starts_with('-');
        let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        if all().count() == 0 || !all().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let leading = all().take_while(|byte| *byte == b'0').count();
        let mut digits: Vec<u8> = all().skip(leading).map(|byte| byte - b'0').collect();
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX) - i64::try_from(leading).unwrap_or(0);
        let exponent = i32::try_from(point + i64::from(scale)).map_err(|_| invalid())?;
        Number { negative, digits, exponent }.checked()
    }

    /// Adds, exactly or not at all.
    ///
    /// # Errors
    /// When the result has more than 38 digits.
    pub(crate) fn plus(&self, other: &Number) -> Result<Number, String> {
        let overflow =
            || "Number overflow. Attempting to store a number with magnitude larger than supported range".to_owned();
        let scale = self.scale().min(other.scale());
        let at_scale = |number: &Number| {
            let factor = 10_i128.checked_pow(u32::try_from(number.scale() - scale).ok()?)?;
            number.integer()?.checked_mul(factor)
        };
        let sum = at_scale(self)
            .zip(at_scale(other))
            .and_then(|(left, right)| left.checked_add(right))
            .ok_or_else(overflow)?;
        Number::parse(&format!("{sum}e{scale}"))
    }

    /// The same with the other sign.
    pub(crate) fn negated(&self) -> Number {
        Number { negative: !self.negative && !self.digits.is_empty(), ..self.clone() }
    }

    /// Bytes that sort as the numbers do.
    pub(crate) fn key(&self) -> Vec<u8> {
        if self.digits.is_empty() {
            return vec![0x80];
        }
        let exponent = u16::try_from(self.exponent + 0x4000).unwrap_or(u16::MAX).to_be_bytes();
        let magnitude = exponent.into_iter().chain(self.digits.iter().map(|digit| digit + 1));
        if self.negative {
            // Complemented, with an end mark above every digit, so that longer is smaller.
            return std::iter::once(0x7f).chain(magnitude.map(|byte| !byte)).chain([0xff]).collect();
        }
        std::iter::once(0x81).chain(magnitude).collect()
    }

    fn checked(mut self) -> Result<Number, String> {
        if self.digits.is_empty() {
            return Ok(Number { negative: false, digits: Vec::new(), exponent: 0 });
        }
        if self.digits.len() > LARGEST_DIGITS {
            return Err("Attempting to store more than 38 significant digits in a Number".to_owned());
        }
        if self.exponent > 126 {
            return Err(
                "Number overflow. Attempting to store a number with magnitude larger than supported range".to_owned()
            );
        }
        if self.exponent < -129 {
            return Err(
                "Number underflow. Attempting to store a number with magnitude smaller than supported range".to_owned()
            );
        }
        self.digits.shrink_to_fit();
        Ok(self)
    }

    /// The power of ten of the last digit.
    fn scale(&self) -> i32 {
        self.exponent - i32::try_from(self.digits.len()).unwrap_or(0)
    }

    fn integer(&self) -> Option<i128> {
        let magnitude =
            self.digits.iter().try_fold(0_i128, |sum, digit| sum.checked_mul(10)?.checked_add(i128::from(*digit)))?;
        Some(if self.negative { -magnitude } else { magnitude })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        if self.negative {
            f.write_str("-")?;
        }
        let digits: String = self.digits.iter().map(|digit| char::from(digit + b'0')).collect();
        let (length, exponent) = (digits.len(), self.exponent);
        match usize::try_from(exponent) {
            Ok(point) if point >= length && point <= 40 => {
                write!(f, "{digits}{}", "0".repeat(point - length))
            }
            Ok(point @ 1..) if point < length => {
                let (whole, fraction) = digits.split_at(point);
                write!(f, "{whole}.{fraction}")
            }
            _ if (-20..=0).contains(&exponent) => {
                write!(f, "0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize))
            }
            _ => write!(f, "{digits}E{:+}", self.scale()),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn order_and_text_are_those_of_the_numbers() {
        let ordered = [
            "-1E+100",
            "-123.5",
            "-123",
            "-20",
            "-2",
            "-1.5",
            "-1",
            "-0.001",
            "0",
            "1E-100",
            "0.001",
            "0.5",
            "1",
            "1.05",
            "1.5",
            "2",
            "10",
            "15",
            "99.999",
            "100",
            "12345678901234567890123456789012345678",
            "1E+100",
        ];
        let numbers: Vec<Number> = ordered.iter().map(|text| Number::parse(text).unwrap()).collect();
        assert!(numbers.is_sorted());
        for (number, text) in numbers.iter().zip(ordered) {
            assert_eq!(number.to_string(), text);
        }
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for text in ["100", "+100", "1e2", "100.00", "00100", "1000E-1"] {
            assert_eq!(Number::parse(text).unwrap().to_string(), "100", "{text}");
        }
        for text in
            ["", "-", ".", "1e", "abc", "1.2.3", "0x1", "1e999", "1e-999", "123456789012345678901234567890123456789"]
        {
            assert!(Number::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sums_are_exact() {
        for (left, right, sum) in
            [("1", "1", "2"), ("0.1", "0.2", "0.3"), ("-5", "5", "0"), ("1e20", "1", "100000000000000000001")]
        {
            let sum_of = Number::parse(left).unwrap().plus(&Number::parse(right).unwrap());
            assert_eq!(sum_of.unwrap().to_string(), sum);
        }
        assert!(Number::parse("1e100").unwrap().plus(&Number::parse("1").unwrap()).is_err());
    }
}
