//! Chance in whole numbers: one seed gives the same world on every machine.

use fastrand::Rng;

/// How many thousandths of its spread a value is away from its mean: the sum of twelve uniform
/// draws, which is close to a normal distribution and never beyond six spreads.
pub fn deviate(rng: &mut Rng) -> i32 {
    let sum: i32 = (0..12).map(|_| rng.i32(0..=1000)).sum();
    sum.saturating_sub(6000)
}

/// A value around a mean.
pub fn around(rng: &mut Rng, mean: i32, spread: i32) -> i32 {
    mean.saturating_add(spread.saturating_mul(deviate(rng)).saturating_div(1000))
}

/// True in so many of a thousand cases.
pub fn happens(rng: &mut Rng, per_mille: u16) -> bool {
    per_mille > 0 && rng.u16(0..1000) < per_mille
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_around_their_mean_with_their_spread() {
        let mut rng = Rng::with_seed(7);
        let values: Vec<i64> = (0..20_000).map(|_| i64::from(around(&mut rng, 146, 14))).collect();
        let mean = values.iter().sum::<i64>() / 20_000;
        let variance = values.iter().map(|value| (value - 146).pow(2)).sum::<i64>() / 20_000;
        assert!((145..=146).contains(&mean), "{mean}");
        assert!((180..=210).contains(&variance), "{variance}");
    }

    #[test]
    fn a_knob_at_zero_never_happens_and_at_a_thousand_always() {
        let mut rng = Rng::with_seed(7);
        assert!((0..1000).all(|_| !happens(&mut rng, 0) && happens(&mut rng, 1000)));
    }
}
