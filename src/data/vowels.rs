//! The Japanese vowels: spoken /ae/ of nine speakers, to be classified by the course of their spectra.

use std::fs;
use std::path::Path;

use super::{Dataset, PadSequences, Split};
use crate::{Error, Result};

const FEATURES: usize = 12;
/// The number of steps in an utterance.
const SHORTEST: usize = 7;
const LONGEST: usize = 29;
/// The number of utterances per speaker, in file order.
const TRAIN: [usize; 9] = [30; 9];
const TEST: [usize; 9] = [31, 35, 88, 44, 29, 24, 40, 50, 29];
/// Fills no real step, whether scaled to 0..1 or not.
const MASK: f32 = -9.0;

/// Loads the Japanese vowels (Kudo, Toyama, Shimbo 1999; UCI) from the files `ae.train` and `ae.test` in `dir`: 270 and 370 utterances of
/// the vowels /ae/, to be classified by their nine speakers.
///
/// Rows have the shape `[29, 12]`: 12 LPC cepstrum coefficients, between −1.8 and 2.8, for each of 7 to 29 steps, then padding. The
/// network must begin with [`Masking`](crate::Masking) of the data's [`mask_value`](Dataset::mask_value), −9. In the files utterances end
/// with a blank line, a line of twelve ones, or both.
///
/// # Errors
/// A file that cannot be read; a line without 12 finite numbers; an utterance of fewer than 7 or more than 29 steps; a wrong number of
/// utterances.
pub fn load(dir: impl AsRef<Path>) -> Result<Split> {
    let dir = dir.as_ref();
    Split::new(part(&dir.join("ae.train"), TRAIN)?, part(&dir.join("ae.test"), TEST)?)
}

fn part(path: &Path, speakers: [usize; 9]) -> Result<Dataset> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
    let mut utterances: Vec<Vec<f32>> = Vec::new();
    let mut current = Vec::new();
    let mut number = 0;
    for line in bytes.split(|&b| b == b'\n') {
        number += 1;
        let step = step(path, number, line)?;
        if step.is_empty() || step.iter().all(|&v| v == 1.0) {
            finish(path, number, &mut current, &mut utterances)?;
        } else {
            current.extend(step);
        }
    }
    finish(path, number, &mut current, &mut utterances)?;
    let expected = speakers.iter().sum::<usize>();
    if utterances.len() != expected {
        return Err(Error::invalid(
            path.display(),
            format!("{} utterances", utterances.len()),
            format!("{expected}, those of nine speakers one after another"),
            "fetch the file again, the training part as ae.train, the test part as ae.test",
        ));
    }
    let labels =
        (0..).zip(speakers).flat_map(|(speaker, count)| std::iter::repeat_n(speaker, count)).collect();
    let names = (1..=speakers.len()).map(|speaker| format!("speaker {speaker}")).collect();
    PadSequences::new(FEATURES, MASK).steps(LONGEST).classes(&utterances, labels, names)
}

/// The numbers of a line: 12, or none for a blank line.
fn step(path: &Path, number: usize, line: &[u8]) -> Result<Vec<f32>> {
    let fail = |found: String| {
        Err(Error::invalid(
            format!("{}, line {number}", path.display()),
            found,
            format!("{FEATURES} finite numbers with blanks between them"),
            "fetch the file again",
        ))
    };
    let mut step = Vec::with_capacity(FEATURES);
    for field in String::from_utf8_lossy(line).split_whitespace() {
        match field.parse::<f32>() {
            Ok(value) if value.is_finite() => step.push(value),
            _ => return fail(format!("{:?}", field.chars().take(40).collect::<String>())),
        }
    }
    if step.is_empty() || step.len() == FEATURES { Ok(step) } else { fail(format!("{} numbers", step.len())) }
}

/// Ends an utterance at this line, if there is one.
fn finish(path: &Path, number: usize, current: &mut Vec<f32>, utterances: &mut Vec<Vec<f32>>) -> Result<()> {
    let steps = current.len() / FEATURES;
    if steps > 0 && !(SHORTEST..=LONGEST).contains(&steps) {
        return Err(Error::invalid(
            format!("{}, line {number}", path.display()),
            format!("the end of an utterance of {steps} steps"),
            format!("utterances of {SHORTEST} to {LONGEST} steps"),
            "fetch the file again",
        ));
    }
    if steps > 0 {
        utterances.push(std::mem::take(current));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::data::Targets;

    /// Utterances of 7 to 29 steps in turn; each step repeats the utterance's number (plus 0.5) 12 times.
    fn text(count: usize, end: &str) -> String {
        let step = |i: usize| vec![format!("{}.5", i % 100); FEATURES].join(" ") + " \r\n";
        (0..count).map(|i| step(i).repeat(7 + i % 23) + end).collect()
    }

    const ONES: &str = "1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0\r\n";

    fn folder(train: &str, test: &str) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ae.train"), train).unwrap();
        fs::write(dir.path().join("ae.test"), test).unwrap();
        dir
    }

    #[test]
    fn utterances_end_with_blank_lines_or_ones() {
        let both = format!("{ONES}\r\n");
        let first = load(folder(&text(270, ONES), &text(370, &both)).path()).unwrap();
        assert_eq!((first.train.len(), first.test.len()), (270, 370));
        assert_eq!((first.train.shape(), first.train.mask_value()), (&[29, 12][..], Some(MASK)));
        let row = first.train.row(1).unwrap();
        assert_eq!((row[8 * 12 - 1], row[8 * 12]), (1.5, MASK));
        assert_eq!(first.train.range(), (0.5, 99.5));
        // Without an end of the last one.
        let blank = load(folder(text(270, "\r\n").trim_end(), &text(370, "\n\n")).path()).unwrap();
        assert_eq!(first, blank);
    }

    #[test]
    fn speakers_follow_from_the_place() {
        let data = load(folder(&text(270, ONES), &text(370, "\n")).path()).unwrap();
        let Targets::Classes { labels, names, .. } = data.test.targets() else { panic!("classes") };
        assert_eq!((names.len(), names[8].as_str()), (9, "speaker 9"));
        assert_eq!((labels[30], labels[31], labels[65], labels[66], labels[369]), (0, 1, 1, 2, 8));
        let Targets::Classes { labels, .. } = data.train.targets() else { panic!("classes") };
        assert_eq!((labels[29], labels[30], labels[269]), (0, 1, 8));
    }

    #[test]
    fn damaged_files_are_refused_with_file_and_line() {
        let refused = |train: &str, words: &[&str]| {
            let message = load(folder(train, &text(370, "\n")).path()).unwrap_err().to_string();
            for word in words.iter().chain(&["ae.train"]) {
                assert!(message.contains(word), "{word:?} is not in {message:?}");
            }
        };
        let fine = text(270, ONES);
        refused(&fine.replacen("0.5 0.5", "0.5", 1), &["line 1:", "11 numbers"]);
        refused(&fine.replacen("1.5", "1,5", 1), &["line 9:", "1,5"]);
        refused(&fine.replacen("1.5", "inf", 1), &["line 9:", "inf"]);
        refused(&fine.replacen(ONES, "", 1), &["269 utterances", "270"]);
        refused(&text(6, ""), &["line 58:", "utterance of 57 steps"]);
        refused(
            &(fine.lines().take(3).collect::<Vec<_>>().join("\n") + "\n" + ONES),
            &["line 4:", "of 3 steps"],
        );
        refused(&text(269, ONES), &["269 utterances"]);
        refused("", &["0 utterances"]);
        let message = load("nowhere").unwrap_err().to_string();
        assert!(message.contains("ae.train"), "{message}");
    }
}
