//! Durations in strings: `"750ms"`, `"5s"`, `"1.5s"`, `"1m"`.

use std::time::Duration;

use syn::{Error, Expr, ExprLit, Lit, Result};

use super::literal;

const WANTS: &str = "a duration with its unit: \"250us\", \"750ms\", \"1.5s\" or \"2m\"";

/// Nanoseconds in one of each unit. The two-letter units come first, because "ms" ends in "s", too.
const UNITS: [(&str, u64); 4] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
];

/// The value of `name = "750ms"`.
pub(super) fn parse(name: &str, value: &Expr) -> Result<Duration> {
    if let Expr::Lit(ExprLit {
        lit: number @ (Lit::Int(_) | Lit::Float(_)),
        ..
    }) = value
    {
        let digits = match number {
            Lit::Int(number) => number.base10_digits(),
            Lit::Float(number) => number.base10_digits(),
            _ => unreachable!("the pattern above admits numbers only"),
        };
        let remedy =
            format!("`{name}` needs a unit: write `{name} = \"{digits}s\"` if seconds are meant");
        return Err(Error::new(number.span(), remedy));
    }
    let text = literal::string(name, value, WANTS)?;
    from_text(&text.value())
        .ok_or_else(|| Error::new(text.span(), format!("`{name}` takes {WANTS}")))
}

/// `None` for anything but digits, at most one decimal point between them, and a unit.
fn from_text(text: &str) -> Option<Duration> {
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, nanos)| text.strip_suffix(suffix).map(|number| (number, *nanos)))?;
    let number = number.strip_suffix(' ').unwrap_or(number);
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let mut nanos = u128::from(whole.parse::<u64>().ok()?) * u128::from(unit);
    let mut place = u128::from(unit);
    for digit in fraction.unwrap_or_default().bytes() {
        place /= 10;
        nanos += u128::from(digit - b'0') * place;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit() {
        assert_eq!(from_text("250us"), Some(Duration::from_micros(250)));
        assert_eq!(from_text("750ms"), Some(Duration::from_millis(750)));
        assert_eq!(from_text("5s"), Some(Duration::from_secs(5)));
        assert_eq!(from_text("2m"), Some(Duration::from_secs(120)));
        assert_eq!(from_text("0s"), Some(Duration::ZERO));
        assert_eq!(from_text("5 s"), Some(Duration::from_secs(5)));
    }

    #[test]
    fn fractions() {
        assert_eq!(from_text("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(from_text("0.25ms"), Some(Duration::from_micros(250)));
        assert_eq!(from_text("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(from_text("0.0000000001s"), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration() {
        for text in [
            "",
            "5",
            "s",
            "ms",
            "-1s",
            "1e3s",
            "1.s",
            ".5s",
            "1.2.3s",
            "5 h",
            "5  s",
            "99999999999999999999s",
        ] {
            assert_eq!(from_text(text), None, "{text:?}");
        }
    }
}
