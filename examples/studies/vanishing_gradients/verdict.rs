//! What the numbers say, in words.

use super::report::Outcome;
use crate::run::Statistic;
use std::cmp::Ordering;

/// Answers to the poster's three questions, about its four nets.
pub fn lines(results: &[Outcome; 6]) -> Vec<String> {
    let [classic, classic_bn, ar, ar_bn, ..] = results;
    let mut lines = Vec::new();
    for (nets, ar, classic) in [("without BN", ar, classic), ("with BN", ar_bn, classic_bn)] {
        let uniform = compare("more uniform over the layers", ar.layers, classic.layers);
        let stable = compare("more stable over the epochs", ar.epochs, classic.epochs);
        lines.extend([uniform, stable].map(|text| format!("Gradients {nets}: {text}.")));
    }
    lines.push(best(&results[..4], ar_bn));
    lines
}

/// Whether auto-rotation has the smaller spread.
fn compare(claim: &str, ar: Statistic, classic: Statistic) -> String {
    if !(ar.mean.is_finite() && classic.mean.is_finite()) {
        return format!("too few numbers to tell whether AR's are {claim}");
    }
    let verb = if ar.mean < classic.mean { "are" } else { "are not" };
    format!(
        "AR's {verb} {claim} than the classic ones, {:.3} against {:.3}{}",
        ar.mean,
        classic.mean,
        doubt(ar, classic)
    )
}

fn best(results: &[Outcome], favourite: &Outcome) -> String {
    let by_accuracy = |a: &&Outcome, b: &&Outcome| a.accuracy.mean.total_cmp(&b.accuracy.mean);
    let others = || results.iter().filter(|o| o.title != favourite.title);
    let Some(rival) = others().max_by(by_accuracy) else { return String::new() };
    let (own, its) = (favourite.accuracy, rival.accuracy);
    let verb = match own.mean.total_cmp(&its.mean) {
        Ordering::Greater => "has",
        Ordering::Equal => "shares",
        Ordering::Less => "does not have",
    };
    let (name, next) = (favourite.title, rival.title);
    format!(
        "{name} {verb} the best test accuracy: {:.3}; the best of the others, {next}, has {:.3}{}.",
        own.mean,
        its.mean,
        doubt(own, its)
    )
}

/// A note if the difference is within the seeds' deviations.
fn doubt(a: Statistic, b: Statistic) -> &'static str {
    if a.is_near(b) && a.deviation.max(b.deviation) > 0.0 {
        " (a difference within the spread of the seeds)"
    } else {
        ""
    }
}
