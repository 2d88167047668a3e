//! What layers, and callers who record plans by themselves, must keep to: whatever would leave layers untrained is refused.

use autorot::extend::plan::arena::Role;
use autorot::extend::plan::{Purpose, Recorder, View};
use autorot::extend::{Layer, Node, Scope, Signal, Trace};
use autorot::{
    Adam, BatchNorm, Bidirectional, Dense, Device, Error, Gru, Initializer, Loss, Regularizer, Residual,
    SeparableConv1d, Sequential, TimeDistributed, Trainer,
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

/// Has a parameter of this name, a node at this path, and around it perhaps another one.
#[derive(Clone, Debug)]
struct Stray {
    parameter: &'static str,
    path: Option<&'static str>,
    around: bool,
}

/// Registers two parameters of one name.
#[derive(Clone, Debug)]
struct Twice;

impl Layer for Twice {
    fn kind(&self) -> &'static str {
        "twice"
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>, Error> {
        scope.parameter("weight", &[3], Initializer::Ones, Role::Decayed)?;
        scope.parameter("weight", &[3], Initializer::Ones, Role::Decayed)?;
        Wall.build(scope, input)
    }
}

impl Layer for Stray {
    fn kind(&self) -> &'static str {
        "stray"
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>, Error> {
        scope.parameter(self.parameter, &[3], Initializer::Ones, Role::Decayed)?;
        let path = self.path.unwrap_or(scope.path()).to_owned();
        let node: Box<dyn Node> = Box::new(WallNode { path, output: input.clone() });
        Ok(match self.around {
            true => Box::new(Outer { path: scope.path().to_owned(), inner: vec![node] }),
            false => node,
        })
    }
}

#[test]
fn parameters_belong_to_the_layer_that_registers_them() {
    let good = Stray { parameter: "weight", path: None, around: false };
    let network = Sequential::new([3]).add(Dense::new(3)).add(good.clone()).network(0).unwrap();
    let own: Vec<&str> = network.arena().of_layer("1.stray").map(|p| p.path.as_str()).collect();
    assert_eq!(own, ["1.stray.weight"]);
    let layers = &network.description().layers;
    assert_eq!(layers[1].parameters, [("weight".to_owned(), vec![3])]);

    // What could not be found by the layer's path, and so would be in no report, is refused.
    for (stray, found) in [
        (Stray { path: Some("1.other"), ..good.clone() }, "1.other"),
        (Stray { around: true, ..good.clone() }, "a node at the path \"1.stray\""),
        (Stray { parameter: "a.b", ..good.clone() }, "a parameter called \"a.b\""),
        (Stray { parameter: "", ..good.clone() }, "a parameter called \"\""),
    ] {
        let net = Sequential::new([3]).add(Dense::new(3)).add(stray);
        let text = net.network(0).unwrap_err().to_string();
        assert!(text.contains("1.stray") && text.contains(found), "{text}");
    }
    let text = Sequential::new([3]).add(Twice).network(0).unwrap_err().to_string();
    assert!(text.contains("0.twice.weight") && text.contains("second parameter"), "{text}");
    let net = Sequential::new([3]).add(Residual::new().add(Stray { path: Some("0.residual"), ..good }));
    let text = net.network(0).unwrap_err().to_string();
    assert!(text.contains("0.residual.0.stray") && text.contains("Scope::path"), "{text}");
}

/// Builds a dense layer inside of it, and keeps a kernel with a penalty of its own.
#[derive(Clone, Debug)]
struct Holder;

impl Layer for Holder {
    fn kind(&self) -> &'static str {
        "holder"
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>, Error> {
        let penalty = Regularizer { l1: 0.25, l2: 0.0 };
        scope.kernel("kernel", &[2, 2], Initializer::Constant(-3.0), penalty)?;
        let inner = vec![scope.inner("dense", &inner_layer(), input)?];
        Ok(Box::new(Outer { path: scope.path().to_owned(), inner }))
    }
}

#[derive(Debug)]
struct Outer {
    path: String,
    inner: Vec<Box<dyn Node>>,
}

impl Node for Outer {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        self.inner[0].output()
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let inner = self.inner[0].forward(rec, input);
        let mut trace = Trace::new(input, inner.output);
        trace.inner.push(inner);
        trace
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        self.inner[0].backward(rec, &trace.inner[0], d_y, need_d_x)
    }

    fn inner(&self) -> &[Box<dyn Node>] {
        &self.inner
    }
}

#[test]
fn what_a_layer_registers_counts_without_another_word() {
    let network = Sequential::new([3]).add(Holder).network(0).unwrap();
    let paths = |path: &str| network.arena().of_layer(path).map(|p| p.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths("0.holder"), ["0.holder.kernel"]);
    assert_eq!(paths("0.holder.dense"), ["0.holder.dense.kernel", "0.holder.dense.bias"]);
    assert!(network.summary().contains("0.holder.dense"), "{}", network.summary());

    // Four weights of −3: the penalty is 0.25 · 12, and the error is that of the inner layer.
    let data = crate::nets::waves(16);
    let loss = |net: Sequential| {
        let mut model = net.build(&Device::cpu(), 0).unwrap();
        model.evaluate(&data, Loss::MeanSquaredError, &[]).unwrap().loss
    };
    let (with, without) =
        (loss(Sequential::new([3]).add(Holder)), loss(Sequential::new([3]).add(inner_layer())));
    assert!((with - without - 3.0).abs() < 1e-6, "{with} and {without}");
}

/// The layer inside of a [`Holder`].
fn inner_layer() -> Dense {
    Dense::new(2).kernel_initializer(Initializer::Constant(0.5))
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
