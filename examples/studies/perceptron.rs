//! The multilayer perceptrons of two studies: their options, their auto-rotating variants, and how far they saturate.

use autorot::train::LayerReport;
use autorot::{Activation, AutoRotate, Dense, Error, LearnL, Result, Rule, Sequential};
use serde::Serialize;

/// The sizes of the hidden layers.
#[derive(clap::Args, Debug, Serialize)]
pub struct Hidden {
    /// The hidden layers' units.
    #[arg(long, value_delimiter = ',', default_value = "50,50,40,40,30")]
    hidden: Vec<usize>,
}

impl Hidden {
    /// The units of each layer.
    pub fn units(&self) -> &[usize] {
        &self.hidden
    }

    /// Checks the options before anything is read or trained.
    pub fn check(&self) -> Result<()> {
        if self.hidden.is_empty() || self.hidden.contains(&0) {
            return Err(Error::invalid(
                "--hidden",
                format!("{:?}", self.hidden),
                "at least one layer, and at least one unit in each",
                "use for example --hidden 50,30",
            ));
        }
        Ok(())
    }

    /// Adds the hidden layers and a linear layer of `outputs` units.
    pub fn add_to(
        &self,
        model: Sequential,
        activation: Activation,
        rotation: Option<AutoRotate>,
        outputs: usize,
    ) -> Sequential {
        let layer = |&units: &usize| Dense::new(units).activation(activation).auto_rotate(rotation);
        self.hidden.iter().map(layer).fold(model, Sequential::add).add(Dense::new(outputs))
    }
}

/// The auto-rotation of a variant, by its name in the report; `learn_l` is how `arp-learn-l` learns L.
pub fn rotation(variant: &str, learn_l: LearnL) -> Option<AutoRotate> {
    match variant {
        "arp" => Some(AutoRotate::new()),
        "arp-learn-l" => Some(AutoRotate::new().learn_l(learn_l)),
        "arp-aligned" => Some(AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit)),
        "arp-critical" => Some(AutoRotate::critical()),
        _ => None,
    }
}

/// The share of hidden pre-activations with |z| > L, averaged over the layers. The output layer is linear and does not saturate.
pub fn saturated(layers: &[LayerReport]) -> f64 {
    let hidden = &layers[..layers.len() - 1];
    hidden.iter().filter_map(|l| l.saturated).sum::<f64>() / hidden.len() as f64
}
