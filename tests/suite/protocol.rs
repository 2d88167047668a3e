//! What layers, and callers who record plans by themselves, must keep to: whatever would leave layers untrained is refused.

use autorot::extend::plan::arena::Role;
use autorot::extend::plan::{Purpose, Recorder, View};
use autorot::extend::{Layer, Node, Scope, Signal, Trace};
use autorot::{
    Adam, BatchNorm, Bidirectional, Dense, Device, Error, Gru, Initializer, Loss, Residual, SeparableConv1d,
    Sequential, TimeDistributed, Trainer,
};

/// Passes its input on, but no gradient back.
#[derive(Clone, Debug)]
struct Wall;

#[derive(Debug)]
struct WallNode {
    path: String,
    output: Signal,
}

impl Layer for Wall {
    fn kind(&self) -> &'static str {
        "wall"
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>, Error> {
        Ok(Box::new(WallNode { path: scope.path().to_owned(), output: input.clone() }))
    }
}

impl Node for WallNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, _: &mut Recorder<'_>, input: View) -> Trace {
        Trace::new(input, input)
    }

    fn backward(&self, _: &mut Recorder<'_>, _: &Trace, _: View, _: bool) -> Option<View> {
        None
    }
}

/// Has a parameter that its facts do not tell of.
#[derive(Clone, Debug)]
struct Secret;

impl Layer for Secret {
    fn kind(&self) -> &'static str {
        "secret"
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>, Error> {
        scope.parameter("weight", &[3], Initializer::Ones, Role::Decayed)?;
        Wall.build(scope, input)
    }
}

#[test]
fn a_layer_that_keeps_a_parameter_to_itself() {
    for (net, path) in [
        (Sequential::new([3]).add(Dense::new(3)).add(Secret), "1.secret"),
        (Sequential::new([3]).add(Residual::new().add(Secret)), "0.residual.0.secret"),
    ] {
        let text = net.build(&Device::cpu(), 0).unwrap_err().to_string();
        assert!(text.contains(path) && text.contains(&format!("{path}.weight")), "{text}");
        assert!(text.contains("Facts::parameters") && text.contains("Node::facts"), "{text}");
    }
}

#[test]
fn a_layer_that_keeps_gradients_to_itself() {
    let data = crate::nets::waves(16);
    let fit = |net: Sequential| {
        let mut model = net.build(&Device::cpu(), 0).unwrap();
        Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).fit(&mut model, &data, None)
    };
    // Where nothing before it is trained it does no harm.
    fit(Sequential::new([3]).add(Wall).add(Dense::new(2))).unwrap();
    for net in [
        Sequential::new([3]).add(Dense::new(4)).add(Wall).add(Dense::new(2)),
        Sequential::new([3]).add(Dense::new(2)).add(Residual::new().add(Wall)),
    ] {
        let text = fit(net).unwrap_err().to_string();
        assert!(text.contains("1.") && text.contains("wall") && text.contains("no gradient"), "{text}");
    }
}

#[test]
fn traces_of_other_layers() {
    let nets = [
        Sequential::new([6, 3]).add(Gru::new(4)),
        Sequential::new([6, 3]).add(Bidirectional::new(Gru::new(4))),
        Sequential::new([6, 3]).add(BatchNorm::new()),
        Sequential::new([6, 3]).add(SeparableConv1d::new(2, 3)),
        Sequential::new([6, 3]).add(Residual::new().add(Dense::new(3)).shortcut(Dense::new(3))),
        Sequential::new([6, 3]).add(TimeDistributed::new(Dense::new(2))),
    ];
    for net in nets {
        let network = net.network(0).unwrap();
        let mut rec = Recorder::new(Purpose::Train, 2, network.arena());
        let input = rec.scratch(2 * 18);
        let traces = network.forward(&mut rec, input);
        let d_y = rec.scratch(2 * network.output().len());
        // One that keeps nothing, as another layer's may, and none at all.
        let bare = Trace::new(input, traces[0].output);
        for others in [vec![bare], Vec::new()] {
            let mut rec = Recorder::new(Purpose::Train, 2, network.arena());
            let input = rec.scratch(2 * 18);
            network.forward(&mut rec, input);
            assert!(network.backward(&mut rec, &others, d_y, true).is_none());
            let text = rec.finish("test").unwrap_err().to_string();
            assert!(text.contains("0.") && text.contains("trace"), "{text}");
        }
    }
}
