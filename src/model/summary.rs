//! `model.summary()`: a table of the layers.

use super::network::Network;
use crate::{LearnL, Rule};
use comfy_table::{CellAlignment, Table, presets};

impl Network {
    /// A table of the layers: outputs, parameters, ranges, x_Q and L; then doubts about the input range, and the memory that
    /// training takes.
    pub fn summary(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header(["layer", "output", "parameters", "activation", "input range", "x_Q", "L"]);
        for node in self.every_node() {
            let facts = node.facts();
            let count: usize = self.arena().of_layer(node.path()).map(|p| p.len()).sum();
            let range = facts.input_range.map_or(String::new(), |r| r.to_string());
            let (x_q, limit) = facts.rotation.map_or((String::new(), String::new()), |rotation| {
                let point = match (rotation.rule, facts.frame) {
                    (Rule::Diagonal, _) => rotation.x_q.to_string(),
                    (Rule::Aligned, _) => format!("{}, aligned", rotation.x_q),
                    (Rule::Critical, frame) => format!("critical around {}", frame.unwrap_or_default()),
                };
                let learnt = match rotation.learn {
                    LearnL::Fixed => "",
                    LearnL::PerLayer => " at first, learnt per layer",
                    LearnL::PerUnit => " at first, learnt per unit",
                };
                let limits = distinct(facts.limits.iter().map(f32::to_string));
                (point, format!("{limits}{learnt}"))
            });
            let activation = distinct(facts.activations.iter().map(|a| a.name().to_owned()));
            let row = [
                node.path().to_owned(),
                format!("{:?}", node.output().shape),
                if count == 0 { String::new() } else { count.to_string() },
                activation,
                range,
                x_q,
                limit,
            ];
            table.add_row(row);
        }
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let input = self.input();
        let range = input.range.map_or("of unknown range".into(), |r| format!("in {r}"));
        let kept: usize =
            self.arena().parameters().iter().map(|p| p.len()).sum::<usize>() - self.arena().count();
        let kept = if kept > 0 { format!(", {kept} that layers keep") } else { String::new() };
        let doubts: String = self.doubts().iter().map(|doubt| format!("warning: {doubt}\n")).collect();
        format!(
            "input {:?} {range}\n{doubts}{table}\n{} trainable parameters{kept}\n{}",
            input.shape,
            self.arena().count(),
            memory(self)
        )
    }
}

/// The distinct values among a layer's gates.
fn distinct(values: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen.join(", ")
}

/// The memory that training takes, for Keras' default batch and for each further row.
fn memory(network: &Network) -> String {
    let (Ok(usual), Ok(twice)) = (network.memory(BATCH), network.memory(2 * BATCH)) else {
        return String::new();
    };
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    format!(
        "training takes {:.2} MiB of activations for a batch of {BATCH} and {:.3} MiB for each row more, and {:.2} MiB for \
         each of: parameters, gradients, values before the last update, moments of the optimiser\n",
        mib(usual.activations),
        mib(twice.activations.saturating_sub(usual.activations)) / BATCH as f64,
        mib(usual.parameters),
    )
}

/// Keras' default batch, for which memory is stated.
const BATCH: usize = 32;
