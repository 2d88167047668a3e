//! Data sets that the crate makes by itself are the same numbers everywhere, and stay those that they were.

use crate::common::as_it_was;
use autorot::Targets;
use autorot::data::{AddingProblem, Glyphs};
use std::fmt::Write;

#[test]
fn characters_are_those_that_were_looked_at() {
    let split = Glyphs { train: 32, test: 2, seed: 7 }.load().unwrap();
    let mut text = String::new();
    for part in [&split.train, &split.test] {
        // A line of pixels a line, in hexadecimal; they are whole 255ths.
        for line in part.inputs().chunks(28) {
            for pixel in line {
                let byte = (pixel * 255.0).round();
                assert_eq!(byte / 255.0, *pixel);
                write!(text, "{:02x}", byte as u8).unwrap();
            }
            text.push('\n');
        }
    }
    as_it_was("drawn/glyphs.txt", &text);
}

#[test]
fn the_adding_problem_asks_for_what_it_marks() {
    let split = AddingProblem { steps: 7, train: 40, test: 3, seed: 5 }.load().unwrap();
    let mut text = String::new();
    for part in [&split.train, &split.test] {
        let Targets::Values { values, .. } = part.targets() else { panic!("{:?}", part.targets()) };
        for (row, &sum) in part.inputs().chunks(14).zip(values) {
            let marked: Vec<usize> = (0..7).filter(|&step| row[2 * step + 1] == 1.0).collect();
            assert!(marked.len() == 2 && marked[0] < 3 && marked[1] >= 3, "{row:?}");
            assert_eq!(sum, row[2 * marked[0]] + row[2 * marked[1]]);
            writeln!(text, "{row:?}").unwrap();
        }
    }
    as_it_was("drawn/adding.txt", &text);
}
