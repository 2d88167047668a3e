//! Pointwise formulas of unknown type, and user-defined ones.

use crate::kernel::{Kernel, Pointwise, PointwiseLoss, PointwiseLossPorts};
use crate::plan::{Recorder, Views};
use crate::{Range, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// A [`Pointwise`] formula of unknown type.
pub(crate) trait Formula: std::fmt::Debug + Send + Sync {
    fn name(&self) -> String;
    fn wgsl(&self) -> [String; 2];
    fn targets(&self) -> Option<Range>;
    fn check(&self) -> Result<()>;
    /// Records the kernel of these sizes.
    fn record(&self, rec: &mut Recorder<'_>, sizes: PointwiseLoss<()>, ports: PointwiseLossPorts<Views>);
    /// The kernel of these sizes.
    fn kernel(&self, sizes: PointwiseLoss<()>) -> Arc<dyn Kernel>;
}

fn sized<P: Clone>(formula: &P, sizes: PointwiseLoss<()>) -> PointwiseLoss<P> {
    let PointwiseLoss { formula: (), batch, outputs, columns, column, gradient, summed } = sizes;
    PointwiseLoss { formula: formula.clone(), batch, outputs, columns, column, gradient, summed }
}

impl<P: Pointwise> Formula for P {
    fn name(&self) -> String {
        Pointwise::name(self)
    }

    fn wgsl(&self) -> [String; 2] {
        Pointwise::wgsl(self)
    }

    fn targets(&self) -> Option<Range> {
        Pointwise::targets(self)
    }

    fn check(&self) -> Result<()> {
        Pointwise::check(self)
    }

    fn record(&self, rec: &mut Recorder<'_>, sizes: PointwiseLoss<()>, ports: PointwiseLossPorts<Views>) {
        rec.op(sized(self, sizes), ports);
    }

    fn kernel(&self, sizes: PointwiseLoss<()>) -> Arc<dyn Kernel> {
        Arc::new(sized(self, sizes))
    }
}

/// A user-defined formula: see [`Pointwise`]. Two are equal if their names and shaders are.
#[derive(Clone, Debug)]
pub struct OwnLoss(Arc<dyn Formula>);

impl OwnLoss {
    /// The loss of this formula.
    pub fn new(formula: impl Pointwise) -> Self {
        Self(Arc::new(formula))
    }

    pub(crate) fn formula(&self) -> Arc<dyn Formula> {
        self.0.clone()
    }

    /// Name, value and derivative.
    fn told(&self) -> (String, [String; 2]) {
        (self.0.name(), self.0.wgsl())
    }
}

impl PartialEq for OwnLoss {
    fn eq(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

/// Serialised as its name and its shader's expressions.
impl Serialize for OwnLoss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.told().serialize(serializer)
    }
}

/// Refused: a formula exists only in the program.
impl<'de> Deserialize<'de> for OwnLoss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, _) = <(String, [String; 2])>::deserialize(deserializer)?;
        let reason = format!("the loss {name} is not built in: pass its formula to Trainer::new");
        Err(serde::de::Error::custom(reason))
    }
}
