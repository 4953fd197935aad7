//! The functions of `bc -l`: sine, cosine, arctangent, logarithm, exponential and Bessel's.

use num_bigint::{BigInt, Sign};

use super::number::{Number, power_of_ten};

/// Digits beyond those wanted that are computed, so that what is cut off is right.
const GUARD: usize = 12;

/// Numbers as integers of so many digits behind the point.
struct Fixed {
    unit: BigInt,
    scale: usize,
}

impl Fixed {
    fn new(scale: usize) -> Self {
        Self {
            unit: power_of_ten(scale),
            scale,
        }
    }

    fn of(&self, number: &Number) -> BigInt {
        number.rescaled(self.scale).value
    }

    fn multiply(&self, a: &BigInt, b: &BigInt) -> BigInt {
        a * b / &self.unit
    }

    fn divide(&self, a: &BigInt, b: &BigInt) -> BigInt {
        a * &self.unit / b
    }

    fn result(&self, value: BigInt, scale: usize) -> Number {
        Number {
            value,
            scale: self.scale,
        }
        .rescaled(scale)
    }

    /// x - x³/3 + x⁵/5 ..., or with all signs positive.
    fn arc_series(&self, x: &BigInt, alternates: bool) -> BigInt {
        let square = self.multiply(x, x);
        let (mut term, mut sum, mut number) = (x.clone(), x.clone(), 1_i64);
        loop {
            term = self.multiply(&term, &square);
            if alternates {
                term = -term;
            }
            number += 2;
            let part = &term / number;
            if part.sign() == Sign::NoSign {
                return sum;
            }
            sum += part;
        }
    }

    /// By halving the angle until the series is fast.
    fn arctangent(&self, x: &BigInt) -> BigInt {
        let mut x = x.clone();
        let mut doubled = 0;
        while BigInt::from(x.magnitude().clone()) * 10 > self.unit {
            // atan x = 2 atan (x / (1 + sqrt(1 + x²)))
            let root = ((&self.unit * &self.unit) + &x * &x).sqrt();
            x = self.divide(&x, &(&self.unit + root));
            doubled += 1;
        }
        self.arc_series(&x, true) << doubled
    }

    fn pi(&self) -> BigInt {
        self.arctangent(&self.unit) * 4
    }

    fn logarithm(&self, x: &BigInt) -> BigInt {
        let mut x = x.clone();
        let mut doubled = 0;
        let near =
            |x: &BigInt| BigInt::from((x - &self.unit).magnitude().clone()) * 10 <= self.unit;
        while !near(&x) {
            x = (&x * &self.unit).sqrt();
            doubled += 1;
        }
        let ratio = self.divide(&(&x - &self.unit), &(&x + &self.unit));
        self.arc_series(&ratio, false) << (doubled + 1)
    }

    fn exponential(&self, x: &BigInt) -> BigInt {
        let mut halved = 0;
        let mut x = x.clone();
        while BigInt::from(x.magnitude().clone()) * 10 > self.unit {
            x /= 2;
            halved += 1;
        }
        let (mut term, mut sum, mut number) = (self.unit.clone(), self.unit.clone(), 0_i64);
        while term.sign() != Sign::NoSign {
            number += 1;
            term = self.multiply(&term, &x) / number;
            sum += &term;
        }
        for _ in 0..halved {
            sum = self.multiply(&sum, &sum);
        }
        sum
    }

    fn sine(&self, x: &BigInt) -> BigInt {
        let turn = self.pi() * 2;
        let x = x % &turn;
        let square = self.multiply(&x, &x);
        let (mut term, mut sum, mut number) = (x.clone(), x, 1_i64);
        while term.sign() != Sign::NoSign {
            term = -self.multiply(&term, &square) / ((number + 1) * (number + 2));
            number += 2;
            sum += &term;
        }
        sum
    }
}

/// Digits before the point.
fn whole_digits(number: &Number) -> usize {
    number.rescaled(0).value.magnitude().to_string().len()
}

pub fn sine(x: &Number, scale: usize) -> Number {
    let fixed = Fixed::new(scale + whole_digits(x) + GUARD);
    fixed.result(fixed.sine(&fixed.of(x)), scale)
}

pub fn cosine(x: &Number, scale: usize) -> Number {
    let fixed = Fixed::new(scale + whole_digits(x) + GUARD);
    let shifted = fixed.of(x) + fixed.pi() / 2;
    fixed.result(fixed.sine(&shifted), scale)
}

pub fn arctangent(x: &Number, scale: usize) -> Number {
    let fixed = Fixed::new(scale + GUARD);
    fixed.result(fixed.arctangent(&fixed.of(x)), scale)
}

pub fn logarithm(x: &Number, scale: usize) -> Number {
    if x.value.sign() != Sign::Plus {
        // As the GNU tool has it.
        let value = BigInt::from(1) - power_of_ten(scale);
        return Number {
            value: value * power_of_ten(scale),
            scale,
        };
    }
    let fixed = Fixed::new(scale + x.scale + whole_digits(x) + GUARD);
    fixed.result(fixed.logarithm(&fixed.of(x)), scale)
}

pub fn exponential(x: &Number, scale: usize) -> Result<Number, String> {
    let size = x.small().unsigned_abs();
    if size > 100_000 {
        return Err("argument of e too large".to_owned());
    }
    let more = usize::try_from(size).unwrap_or(0);
    let fixed = Fixed::new(scale + more + GUARD);
    Ok(fixed.result(fixed.exponential(&fixed.of(x)), scale))
}

/// Bessel's function of whole order.
pub fn bessel(order: &Number, x: &Number, scale: usize) -> Result<Number, String> {
    let order = order.small();
    if order.unsigned_abs() > 10_000 || x.small().unsigned_abs() > 10_000 {
        return Err("argument of j too large".to_owned());
    }
    let fixed =
        Fixed::new(scale + 2 * usize::try_from(x.small().unsigned_abs()).unwrap_or(0) + GUARD);
    let half = fixed.of(x) / 2;
    let mut term = fixed.unit.clone();
    let positive = order.abs();
    for number in 1..=positive {
        term = fixed.multiply(&term, &half) / number;
    }
    let square = fixed.multiply(&half, &half);
    let (mut sum, mut number) = (term.clone(), 0_i64);
    while term.sign() != Sign::NoSign {
        number += 1;
        term = -fixed.multiply(&term, &square) / (number * (number + positive));
        sum += &term;
    }
    if order < 0 && order % 2 != 0 {
        sum = -sum;
    }
    Ok(fixed.result(sum, scale))
}
