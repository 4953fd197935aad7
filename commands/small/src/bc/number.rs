//! Decimal numbers of any length with a scale, and the arithmetic of `bc` on them.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// `value` divided by ten to the power of `scale`.
#[derive(Clone, Debug)]
pub struct Number {
    pub value: BigInt,
    pub scale: usize,
}

/// The most digits behind the point, as the GNU tool has it.
pub const MOST_DIGITS: usize = 1 << 20;

pub fn power_of_ten(exponent: usize) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(u32::MAX))
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self {
            value: value.into(),
            scale: 0,
        }
    }
}

impl Number {
    pub fn is_zero(&self) -> bool {
        self.value.sign() == Sign::NoSign
    }

    pub fn flag(flag: bool) -> Self {
        i64::from(flag).into()
    }

    /// With another scale; digits that have no room are cut off.
    pub fn rescaled(&self, scale: usize) -> Self {
        let value = match scale.cmp(&self.scale) {
            Ordering::Equal => self.value.clone(),
            Ordering::Greater => &self.value * power_of_ten(scale - self.scale),
            Ordering::Less => &self.value / power_of_ten(self.scale - scale),
        };
        Self { value, scale }
    }

    fn aligned(&self, other: &Self) -> (BigInt, BigInt, usize) {
        let scale = self.scale.max(other.scale);
        (
            self.rescaled(scale).value,
            other.rescaled(scale).value,
            scale,
        )
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        let (a, b, _) = self.aligned(other);
        a.cmp(&b)
    }

    pub fn negated(&self) -> Self {
        Self {
            value: -&self.value,
            scale: self.scale,
        }
    }

    pub fn add(&self, other: &Self) -> Self {
        let (a, b, scale) = self.aligned(other);
        Self {
            value: a + b,
            scale,
        }
    }

    pub fn subtract(&self, other: &Self) -> Self {
        self.add(&other.negated())
    }

    pub fn multiply(&self, other: &Self, scale: usize) -> Self {
        let exact = Self {
            value: &self.value * &other.value,
            scale: self.scale + other.scale,
        };
        exact.rescaled(exact.scale.min(scale.max(self.scale).max(other.scale)))
    }

    pub fn divide(&self, other: &Self, scale: usize) -> Result<Self, String> {
        if other.is_zero() {
            return Err("Divide by zero".to_owned());
        }
        // Both as integers, the upper one with as many digits more as are wanted.
        let up = &self.value * power_of_ten(other.scale + scale);
        let down = &other.value * power_of_ten(self.scale);
        Ok(Self {
            value: up / down,
            scale,
        })
    }

    pub fn remainder(&self, other: &Self, scale: usize) -> Result<Self, String> {
        let quotient = self.divide(other, scale)?;
        let wanted = self.scale.max(other.scale + scale);
        let product = Self {
            value: &quotient.value * &other.value,
            scale: quotient.scale + other.scale,
        };
        Ok(self.subtract(&product).rescaled(wanted))
    }

    pub fn power(&self, exponent: &Self, scale: usize) -> Result<Self, String> {
        let whole = exponent.rescaled(0);
        let count =
            i64::try_from(&whole.value).map_err(|_| "exponent too large in raise".to_owned())?;
        let times = u32::try_from(count.unsigned_abs())
            .map_err(|_| "exponent too large in raise".to_owned())?;
        let digits = self.value.bits().saturating_mul(u64::from(times));
        if digits > 1 << 28 {
            return Err("exponent too large in raise".to_owned());
        }
        let exact = Self {
            value: self.value.pow(times),
            scale: self.scale * times as usize,
        };
        if count < 0 {
            return Self::from(1).divide(&exact, scale);
        }
        Ok(exact.rescaled(exact.scale.min(scale.max(self.scale))))
    }

    pub fn square_root(&self, scale: usize) -> Result<Self, String> {
        if self.value.sign() == Sign::Minus {
            return Err("Square root of a negative number".to_owned());
        }
        let scale = scale.max(self.scale);
        Ok(Self {
            value: self.rescaled(2 * scale).value.sqrt(),
            scale,
        })
    }

    /// Digits that count.
    pub fn length(&self) -> usize {
        let digits = self.value.magnitude().to_string();
        if self.is_zero() {
            self.scale.max(1)
        } else {
            digits.len().max(self.scale)
        }
    }

    /// A whole number that is small, else the nearest that is.
    pub fn small(&self) -> i64 {
        let whole = self.rescaled(0).value;
        let limit = if whole.sign() == Sign::Minus {
            i64::MIN
        } else {
            i64::MAX
        };
        i64::try_from(whole).unwrap_or(limit)
    }

    /// Reads digits in a base.
    pub fn parse(text: &str, base: u32) -> Self {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digit = |c: char| c.to_digit(36).unwrap_or(0);
        // A digit alone is what it is; in a number none is larger than the base has.
        let single = text.len() == 1;
        let clamp = |value: u32| if single { value } else { value.min(base - 1) };
        let mut value = BigInt::from(0);
        for c in whole.chars() {
            value = value * base + clamp(digit(c));
        }
        let scale = fraction.len();
        if base == 10 {
            for c in fraction.chars() {
                value = value * 10 + clamp(digit(c));
            }
            return Self { value, scale };
        }
        let mut part = BigInt::from(0);
        let mut divisor = BigInt::from(1);
        for c in fraction.chars() {
            part = part * base + clamp(digit(c));
            divisor *= base;
        }
        value = value * power_of_ten(scale) + part * power_of_ten(scale) / divisor;
        Self { value, scale }
    }

    /// The digits in a base.
    pub fn show(&self, base: u32) -> String {
        if self.is_zero() {
            return "0".to_owned();
        }
        let sign = if self.value.sign() == Sign::Minus {
            "-"
        } else {
            ""
        };
        let magnitude = BigInt::from(self.value.magnitude().clone());
        if base == 10 {
            let digits = magnitude.to_string();
            if self.scale == 0 {
                return format!("{sign}{digits}");
            }
            let digits = format!("{digits:0>width$}", width = self.scale);
            let (whole, fraction) = digits.split_at(digits.len() - self.scale);
            return format!("{sign}{whole}.{fraction}");
        }
        let unit = power_of_ten(self.scale);
        let (mut whole, mut rest) = (&magnitude / &unit, &magnitude % &unit);
        let width = if base > 16 {
            (base - 1).to_string().len()
        } else {
            0
        };
        let shown = |digit: u32| match width {
            0 => char::from_digit(digit, 16)
                .unwrap_or('0')
                .to_ascii_uppercase()
                .to_string(),
            _ => format!(" {digit:0width$}"),
        };
        let mut digits = Vec::new();
        while whole.sign() != Sign::NoSign {
            digits.push(u32::try_from(&whole % base).unwrap_or(0));
            whole /= base;
        }
        let mut text: String = digits.iter().rev().map(|&digit| shown(digit)).collect();
        if self.scale > 0 {
            text.push('.');
            let mut reached = BigInt::from(1);
            while reached < unit {
                rest *= base;
                reached *= base;
                let digit = shown(u32::try_from(&rest / &unit).unwrap_or(0));
                // There is no blank behind the point.
                let is_first = reached == BigInt::from(base);
                text.push_str(if is_first { digit.trim_start() } else { &digit });
                rest %= &unit;
            }
        }
        format!("{sign}{text}")
    }
}
