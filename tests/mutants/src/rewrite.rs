//! A file with its mutants put in, each behind a question whether it is on.

use crate::mutant::{Form, Mutant};
use std::cmp::Reverse;
use std::ops::Range;

/// A rewritten file, and where in it each mutant lies.
pub struct Rewritten {
    pub text: String,
    pub places: Vec<(u32, Range<usize>)>,
}

/// Rewrites a file; its mutants lie inside each other or apart.
pub fn rewrite(source: &str, mutants: &[&Mutant]) -> Rewritten {
    let mut mutants = mutants.to_vec();
    // What is put in comes before what begins there, and what is around before what is inside.
    mutants.sort_by_key(|m| (m.place.start, !m.place.is_empty(), Reverse(m.place.end), m.number));
    let mut rewritten = Rewritten { text: String::new(), places: Vec::new() };
    put(source, 0..source.len(), &mutants, &mut rewritten);
    rewritten
}

fn put(source: &str, range: Range<usize>, mut mutants: &[&Mutant], out: &mut Rewritten) {
    let mut at = range.start;
    while let [mutant, rest @ ..] = mutants {
        out.text += &source[at..mutant.place.start];
        let inside = rest.iter().take_while(|m| m.place.start < mutant.place.end).count();
        let (inside, rest) = rest.split_at(inside);
        let (begin, number) = (out.text.len(), mutant.number);
        let end = match &mutant.form {
            Form::Replace(text) => {
                // An arm of a match whose body is a block may end without a comma.
                let (open, close) =
                    if source[mutant.place.clone()].starts_with('{') { ("{(", " })}") } else { ("(", " })") };
                out.text += &format!("{open}if crate::mutants::on({number}) {{ {text} }} else {{ ");
                close
            }
            Form::Delete => {
                out.text += &format!("if !crate::mutants::on({number}) {{ ");
                " }"
            }
            Form::Return(value) => {
                out.text += &format!(" if crate::mutants::on({number}) {{ return {value}; }} ");
                ""
            }
        };
        put(source, mutant.place.clone(), inside, out);
        out.text += end;
        out.places.push((number, begin..out.text.len()));
        (at, mutants) = (mutant.place.end, rest);
    }
    out.text += &source[at..range.end];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(number: u32, place: Range<usize>, form: Form) -> Mutant {
        let (file, operator, original) = (String::new(), String::new(), String::new());
        Mutant { number, file, line: 1, place, operator, original, form }
    }

    #[test]
    fn a_block_without_a_comma() {
        let source = "match x { 0 => { 1 } _ => 2 }";
        let arm = mutant(5, 15..20, Form::Replace("2".into()));
        let wanted = "match x { 0 => {(if crate::mutants::on(5) { 2 } else { { 1 } })} _ => 2 }";
        assert_eq!(rewrite(source, &[&arm]).text, wanted);
    }

    #[test]
    fn inside_each_other_at_the_same_place_and_put_in() {
        let source = "fn f() -> i32 {a + 1}";
        let sum = mutant(1, 15..20, Form::Replace("a - 1".into()));
        let again = mutant(2, 15..20, Form::Replace("7".into()));
        let one = mutant(3, 19..20, Form::Replace("2".into()));
        let early = mutant(4, 15..15, Form::Return("0".into()));
        let rewritten = rewrite(source, &[&one, &again, &early, &sum]);
        let on = |number| format!("if crate::mutants::on({number})");
        let wanted = format!(
            "fn f() -> i32 {{ {} {{ return 0; }} ({} {{ a - 1 }} else {{ ({} {{ 7 }} else {{ a + ({} {{ 2 }} else {{ 1 }}) }}) }})}}",
            on(4),
            on(1),
            on(2),
            on(3)
        );
        assert_eq!(rewritten.text, wanted);
        let (_, place) = rewritten.places.iter().find(|(number, _)| *number == 3).unwrap();
        assert_eq!(rewritten.text[place.clone()], format!("({} {{ 2 }} else {{ 1 }})", on(3)));
    }
}
