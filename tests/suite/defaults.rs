//! What is not said is as in Keras 2.15: every default of optimisers and layers, read from its documentation; and the table of
//! activations: L and the range of outputs.

use autorot::GlobalMaxPool1d;
use autorot::extend::Layer;
use autorot::{
    Activation, Adam, AdamW, AutoRotate, AveragePool1d, BatchNorm, Bidirectional, Conv1d, Conv2d,
    Conv2dTranspose, Conv3d, ConvLstm2d, Dataset, Dense, DepthwiseConv2d, Device, EarlyStopping, Embedding,
    GlobalAveragePool2d, GroupNorm, Gru, Interval, LayerNorm, Loss, Lstm, Masking, MaxPool2d, Optimizer,
    PRelu, Range, RmsProp, SeparableConv2d, Sequential, Sgd, SimpleRnn, Softmax, Trainer,
};
use serde_json::{Map, Value, json};

/// The values of several JSON objects in one.
fn joined(parts: &[Value]) -> Value {
    let fields = parts.iter().flat_map(|part| part.as_object().unwrap().clone());
    Value::Object(fields.collect::<Map<_, _>>())
}

#[test]
fn optimisers_start_as_those_of_keras() {
    let clip = json!({"norm": null, "value": null});
    let rate = |rate: f64| json!({"constant": rate});
    // tf.keras.optimizers: SGD(learning_rate=0.01, momentum=0.0, nesterov=False), RMSprop(learning_rate=0.001, rho=0.9,
    // momentum=0.0, epsilon=1e-7, centered=False), Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7,
    // amsgrad=False), AdamW(learning_rate=0.001, weight_decay=0.004, …); clipnorm=None, clipvalue=None.
    let adam = json!({"learning_rate": rate(0.001), "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "clip": clip,
            "rate_factors": {}, "ema_momentum": null});
    let cases: [(Optimizer, Value); 4] = [
        (
            Sgd::default().into(),
            json!({"sgd": {"learning_rate": rate(0.01), "momentum": 0.0, "nesterov": false, "clip": clip, "weight_decay": 0.0,
                "rate_factors": {}, "ema_momentum": null}}),
        ),
        (
            RmsProp::default().into(),
            json!({"rmsprop": {
                "learning_rate": rate(0.001), "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "clip": clip, "weight_decay": 0.0,
                "rate_factors": {}, "ema_momentum": null
            }}),
        ),
        (Adam::default().into(), json!({"adam": joined(&[adam.clone(), json!({"weight_decay": 0.0})])})),
        (AdamW::default().into(), json!({"adam": joined(&[adam.clone(), json!({"weight_decay": 0.004})])})),
    ];
    for ((optimizer, wanted), name) in cases.into_iter().zip(["sgd", "rmsprop", "adam", "adamw"]) {
        assert_eq!(json!(optimizer.description()), wanted);
        assert_eq!(Optimizer::from_name(name).unwrap(), optimizer, "{name}");
    }
}

/// Names and values of a layer's options, all of them.
#[track_caller]
fn options(layer: impl Layer, wanted: &[Value]) {
    let found = Value::Object(layer.options().into_iter().collect());
    assert_eq!(found, joined(wanted), "{}", layer.kind());
}

#[test]
fn layers_start_as_those_of_keras() {
    let none = json!({"l1": 0.0, "l2": 0.0});
    // tf.keras.layers.Dense(units, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
    // bias_initializer="zeros", kernel_regularizer=None, …), and so all convolutions; nothing is rotated unless asked for.
    let neuron = json!({
        "activation": "linear", "use_bias": true, "kernel_initializer": "glorot_uniform",
        "bias_initializer": "zeros", "kernel_regularizer": none, "auto_rotate": null, "weight_norm": false,
    });
    options(Dense::new(3), &[neuron.clone(), json!({"units": 3})]);
    // Conv2D(filters, kernel_size, strides=(1, 1), padding="valid", dilation_rate=(1, 1), groups=1, …).
    let window = |size: usize, dimensions: usize| {
        let ones = vec![1; dimensions];
        json!({"kernel_size": vec![size; dimensions], "strides": ones, "padding": "valid", "dilation": ones})
    };
    let filters = json!({"filters": 4});
    let conv = |dimensions| [neuron.clone(), window(3, dimensions), filters.clone(), json!({"groups": 1})];
    options(Conv1d::new(4, 3), &conv(1));
    options(Conv2d::new(4, 3), &conv(2));
    options(Conv3d::new(4, 3), &conv(3));
    // Conv2DTranspose(…, output_padding=None), DepthwiseConv2D(…, depth_multiplier=1,
    // depthwise_initializer="glorot_uniform"), SeparableConv2D(…, pointwise_initializer="glorot_uniform").
    let transposed = json!({"output_padding": null});
    options(Conv2dTranspose::new(4, 3), &[neuron.clone(), window(3, 2), filters.clone(), transposed]);
    let multiplier = json!({"depth_multiplier": 1});
    options(DepthwiseConv2d::new(3), &[neuron.clone(), window(3, 2), multiplier.clone()]);
    let depthwise = json!({"depthwise_initializer": "glorot_uniform", "depthwise_regularizer": none});
    let separable = [neuron.clone(), window(3, 2), filters.clone(), multiplier, depthwise];
    options(SeparableConv2d::new(4, 3), &separable);
    // MaxPooling2D(pool_size, strides=None, padding="valid"): windows beside each other.
    let pool = |dimensions: usize| joined(&[window(2, dimensions), json!({"strides": vec![2; dimensions]})]);
    options(MaxPool2d::new(2), &[pool(2)]);
    options(AveragePool1d::new(2), &[pool(1)]);
    options(GlobalAveragePool2d::new(), &[json!({"keepdims": false})]);
    options(GlobalMaxPool1d::new(), &[json!({"keepdims": false})]);
    // LayerNormalization(axis=-1, epsilon=0.001, center=True, scale=True, …), Softmax(axis=-1).
    options(LayerNorm::new(), &[json!({"epsilon": 0.001, "center": true, "scale": true})]);
    options(Softmax::new(), &[json!({"axis": -1})]);
    // GroupNormalization(groups=32, axis=-1, epsilon=0.001, center=True, scale=True, …), PReLU(alpha_initializer="zeros",
    // alpha_regularizer=None, alpha_constraint=None, shared_axes=None).
    options(GroupNorm::default(), &[json!({"groups": 32, "epsilon": 0.001, "center": true, "scale": true})]);
    let slopes = json!({"alpha_initializer": "zeros", "alpha_regularizer": none, "shared_axes": []});
    options(PRelu::new(), &[slopes]);
    // Embedding(input_dim, output_dim, embeddings_initializer="uniform", embeddings_regularizer=None, …, mask_zero=False),
    // RandomUniform(minval=-0.05, maxval=0.05).
    let uniform = json!({"random_uniform": {"min": -0.05, "max": 0.05}});
    let table = json!({"input_dim": 4, "output_dim": 3, "embeddings_initializer": uniform, "embeddings_regularizer": none, "mask_zero": false});
    options(Embedding::new(4, 3), &[table]);
    // BatchNormalization(momentum=0.99, epsilon=0.001, center=True, scale=True, …, synchronized=False), Masking(mask_value=0.0).
    let norm =
        json!({"momentum": 0.99, "epsilon": 0.001, "center": true, "scale": true, "synchronized": false});
    options(BatchNorm::new(), &[norm]);
    options(Masking::default(), &[json!({"value": 0.0})]);
    // LSTM(units, activation="tanh", recurrent_activation="sigmoid", use_bias=True, kernel_initializer="glorot_uniform",
    // recurrent_initializer="orthogonal", bias_initializer="zeros", unit_forget_bias=True, kernel_regularizer=None,
    // recurrent_regularizer=None, dropout=0.0, recurrent_dropout=0.0, return_sequences=False, return_state=False,
    // go_backwards=False, stateful=False, …), GRU(…, reset_after=True), Orthogonal(gain=1.0).
    let recurrent = |cell: Value| {
        json!({
            "cell": cell, "units": 3, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": true,
            "unit_forget_bias": true, "kernel_initializer": "glorot_uniform",
            "recurrent_initializer": {"orthogonal": {"gain": 1.0}}, "bias_initializer": "zeros",
            "kernel_regularizer": none, "recurrent_regularizer": none, "dropout": 0.0, "recurrent_dropout": 0.0,
            "return_sequences": false, "return_state": false, "go_backwards": false, "stateful": false,
            "auto_rotate": null, "weight_norm": false, "rotated_part": "input", "truncate": null,
        })
    };
    options(SimpleRnn::new(3), &[recurrent(json!("simple_rnn"))]);
    options(Lstm::new(3), &[recurrent(json!("lstm"))]);
    options(Gru::new(3), &[recurrent(json!({"gru": {"reset_after": true}}))]);
    // ConvLSTM2D(filters, kernel_size, strides=(1, 1), padding="valid", dilation_rate=(1, 1), activation="tanh",
    // recurrent_activation="hard_sigmoid", use_bias=True, recurrent_initializer="orthogonal", unit_forget_bias=True,
    // return_sequences=False, go_backwards=False, …).
    let of_grids = json!({
        "activation": "tanh", "recurrent_activation": "hard_sigmoid", "unit_forget_bias": true, "return_sequences": false,
        "recurrent_initializer": {"orthogonal": {"gain": 1.0}}, "recurrent_regularizer": none, "go_backwards": false,
    });
    options(ConvLstm2d::new(4, 3), &[neuron.clone(), window(3, 2), filters.clone(), of_grids]);
    // Bidirectional(layer, merge_mode="concat").
    options(Bidirectional::new(Lstm::new(3)), &[json!({"merge": "concat"})]);
}

#[test]
fn parameters_start_as_those_of_keras() {
    let weights = |net: Sequential| net.build(&Device::cpu(), 0).unwrap().weights().unwrap();
    let of = |layer: autorot::Recurrent| weights(Sequential::new([4, 2]).input_range(0.0, 1.0).add(layer));
    // Keras' order of gates: input, forget, cell, output. unit_forget_bias adds 1 to the forget gate's bias.
    let lstm = of(Lstm::new(2));
    assert_eq!(lstm["0.lstm.bias"].values, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(of(Lstm::new(2).unit_forget_bias(false))["0.lstm.bias"].values, [0.0; 8]);
    assert_eq!(of(SimpleRnn::new(2))["0.simple_rnn.bias"].values, [0.0; 2]);
    // With reset_after there are two biases, the input's and the recurrent one.
    let gru = of(Gru::new(2));
    let biases: Vec<f32> =
        gru.iter().filter(|(path, _)| path.contains("bias")).flat_map(|(_, t)| t.values.clone()).collect();
    assert_eq!(biases, [0.0; 12]);
    // Orthogonal columns of length 1: UᵀU = 1, of the kernel [2, 2·gates] taken as [2, 8] its rows.
    let u = &lstm["0.lstm.recurrent_kernel"].values;
    let dot = |a: usize, b: usize| (0..8).map(|i| u[8 * a + i] * u[8 * b + i]).sum::<f32>();
    assert!(
        (dot(0, 0) - 1.0).abs() < 1e-5 && (dot(1, 1) - 1.0).abs() < 1e-5 && dot(0, 1).abs() < 1e-5,
        "{u:?}"
    );
    // Glorot's limit √(6/(inputs + units)), which 2,500 numbers come close to and do not pass.
    let net = Sequential::new([50]).add(Dense::new(50)).add(BatchNorm::new());
    let dense = weights(net);
    let largest = dense["0.dense.kernel"].values.iter().fold(0.0f32, |m, w| m.max(w.abs()));
    let limit = (6.0f32 / 100.0).sqrt();
    assert!(largest <= limit && largest > 0.98 * limit, "{largest} {limit}");
    assert_eq!(dense["0.dense.bias"].values, [0.0; 50]);
    for (name, wanted) in [("gamma", 1.0), ("beta", 0.0), ("moving_mean", 0.0), ("moving_variance", 1.0)] {
        assert_eq!(dense[&*format!("1.batch_norm.{name}")].values, [wanted; 50], "{name}");
    }
}

#[test]
fn what_keras_has_otherwise_is_as_documented() {
    assert_eq!(
        EarlyStopping::default(),
        EarlyStopping { patience: 5, min_delta: 0.0, restore_best: true, monitor: None }
    );
    assert_eq!(Interval::default(), Interval::Seconds(30.0), "a snapshot every 30 seconds");
    // 10 epochs of batches of 128 rows: 300 rows are 3 steps, the last of 44.
    let data = Dataset::values([1], vec![0.5; 300], [1], vec![0.5; 300]).unwrap();
    let mut model = Sequential::for_data(&data).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
    let history = Trainer::new(Sgd::default(), Loss::MeanSquaredError)
        .progress(false)
        .fit(&mut model, &data, None)
        .unwrap();
    assert_eq!(history.epochs.iter().map(|e| e.steps).collect::<Vec<_>>(), [3; 10]);
    // As in the paper and in arpkeras: the diagonal rule, ε = 1e-5, ρ differentiated through; L is not learnt.
    let told: Value = serde_json::from_str(&serde_json::to_string(&AutoRotate::new()).unwrap()).unwrap();
    let wanted = json!({
        "rule": "diagonal", "learn_l": "fixed", "epsilon": 1e-5, "detached": false, "per_filter": false,
        "x_q": null, "l": null, "limits": null, "delta": null, "frame": null, "decay": true,
    });
    assert_eq!(told, wanted);
}

/// The smallest and the largest of a function's values from −1,000 to 1,000, computed in double precision by its formula.
fn extremes(value: impl Fn(f64) -> f64) -> (f64, f64) {
    let all = (-1_000_000..=1_000_000).map(|i| value(f64::from(i) * 1e-3));
    all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)))
}

#[test]
fn activations_have_the_limits_and_ranges_of_their_sources() {
    use Activation::*;
    // The range of a layer's own input; only those of the relu family look at it.
    let input = Range { min: -2.0, max: 5.0 };
    let narrow = Range { min: -0.5, max: 0.25 };
    let logistic = |z: f64| 1.0 / (1.0 + (-z).exp());
    // z·sigmoid(z) and z·Φ(z) are least near −1.28 and −0.75; Φ by erf.
    let (silu, _) = extremes(|z| z * logistic(z));
    let (gelu, _) = extremes(|z| z * 0.5 * (1.0 + libm::erf(z / 2f64.sqrt())));
    let (mish, _) = extremes(|z| z * z.max((1.0 + z.exp()).ln()).tanh());
    let half_pi = std::f32::consts::FRAC_PI_2;
    let open = |min: f32| [(min, 5.0), (min, 1.0)];
    let table = [
        // arpkeras: tanh 2, sigmoid 4, arctan 7; the poster: relu 4, leaky relu 4 with α = 0.3.
        (Tanh, 2.0, [(-1.0, 1.0); 2]),
        (Sigmoid, 4.0, [(0.0, 1.0); 2]),
        (Arctan, 7.0, [(-half_pi, half_pi); 2]),
        (Relu, 4.0, open(0.0)),
        (LeakyRelu, 4.0, [(-0.6, 5.0), (-0.15, 0.25)]),
        // This crate's choices: where they saturate, or 4; what is bounded has its bounds.
        (Linear, 1.0, [(-2.0 / 3.0, 2.0 / 3.0); 2]),
        (Elu, 4.0, open(-1.0)),
        // From −λα, the product of the paper's two numbers, with the slope λ above 0.
        (Selu, 4.0, [(-1.758_099_3, 5.253_505), (-1.758_099_3, 1.050_701)]),
        (Softplus, 4.0, open(0.0)),
        (LogSigmoid, 4.0, [(-2.0, 0.0), (-1.0, 0.0)]),
        (Exponential, 1.0, [(0.0, 1f32.exp()); 2]),
        (Mish, 4.0, open(mish as f32)),
        (Relu6, 6.0, [(0.0, 6.0); 2]),
        (Silu, 4.0, open(silu as f32)),
        (Gelu, 4.0, open(gelu as f32)),
        (HardTanh, 1.0, [(-1.0, 1.0); 2]),
        (HardSigmoid, 2.5, [(0.0, 1.0); 2]),
        (Softsign, 4.0, [(-1.0, 1.0); 2]),
    ];
    assert_eq!(table.len(), Activation::ALL.len(), "every activation");
    for (activation, limit, ranges) in table {
        assert_eq!(activation.limit(), limit, "{activation}");
        for (input, (min, max)) in [input, narrow].into_iter().zip(ranges) {
            let found = activation.range(Some(input)).unwrap();
            let off = (found.min - min).abs().max((found.max - max).abs());
            assert!(off < 1e-5, "{activation} of {input:?}: {found:?}, not {min}..{max}");
        }
        // Where the input's range is unknown, that of an output that follows it is.
        let bounded = ranges[0] == ranges[1];
        assert_eq!(activation.range(None).is_some(), bounded, "{activation}");
        // Outputs of inputs from −5 to 5 lie within it, but for what has no bound of its own.
        let range = activation.range(Some(Range { min: -5.0, max: 5.0 })).unwrap();
        if ![Linear, Exponential].contains(&activation) {
            let values = (-500..=500).map(|i| activation.value(f64::from(i) * 0.01));
            let (low, high) = values
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y: f64| (low.min(y), high.max(y)));
            let beyond = (f64::from(range.min) - low).max(high - f64::from(range.max));
            assert!(beyond < 0.01, "{activation}: {low}..{high} and {range:?}");
        }
    }
}

#[test]
fn a_layer_behind_takes_its_x_q_from_the_range_before() {
    // x_Q = 2·x_max − x_min: of 0..1 it is 2, behind tanh 3, behind sigmoid 2; L is the table's.
    let net = Sequential::new([2])
        .input_range(0.0, 1.0)
        .add(Dense::new(3).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
        .add(Dense::new(3).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new()))
        .add(Dense::new(3).activation(Activation::Arctan).auto_rotate(AutoRotate::new()));
    let text = net.network(0).unwrap().summary();
    let cells = |path: &str| {
        let line =
            text.lines().find(|line| line.contains(path)).unwrap_or_else(|| panic!("{path} in\n{text}"));
        let words: Vec<&str> = line.split_whitespace().filter(|word| word.parse::<f32>().is_ok()).collect();
        (words[words.len() - 2].to_owned(), words[words.len() - 1].to_owned())
    };
    let pair = |x_q: &str, l: &str| (x_q.to_owned(), l.to_owned());
    assert_eq!(cells("0.dense"), pair("2", "2"));
    assert_eq!(cells("1.dense"), pair("3", "4"));
    assert_eq!(cells("2.dense"), pair("2", "7"));
}
