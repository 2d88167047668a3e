//! The parts of a file of settings that all kinds of data share.

use super::{New, Task};
use std::fmt::Write;

/// A text as TOML.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A list of texts as TOML.
pub fn list<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> String {
    format!("[{}]", texts.into_iter().map(|text| quoted(text.as_ref())).collect::<Vec<_>>().join(", "))
}

/// A text on one line, as comments need it.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The beginning.
pub fn head(new: &New) -> String {
    format!(
        "# Settings for `autorot train`, written by `autorot new`. Relative paths start from the folder of this file.\n\n\
         [run]\n\
         folder = {}  # everything that a run leaves goes here\n\
         device = \"auto\"  # auto, gpu, software, cpu, cpu-f64, or part of a name that `autorot devices` lists\n\
         checkpoints = 3  # how many of the newest stay\n",
        quoted(&format!("runs/{}", new.name()))
    )
}

/// How the rows are split.
pub fn split(new: &New) -> String {
    let by = if new.time_split { "last" } else { "random" };
    format!(
        "\n[split]\n\
         validation = {:?}  # the share of the rows that is not trained on, to see how good the network is; 0 for none\n\
         by = \"{by}\"  # random (of each class the same share), or last: the end of a table in the order of time\n\
         seed = 0\n\
         # validation_path = \"…\"  # instead: another file or folder with the rows for validation\n",
        new.split
    )
}

/// How the network is trained on so many rows.
pub fn training(new: &New, rows: usize, task: Task) -> String {
    let kept = ((1.0 - new.split) * rows as f64).max(1.0);
    let batch = [16.0, 32.0, 64.0, 128.0]
        .into_iter()
        .take_while(|batch| *batch <= 16.0 || batch * 40.0 <= kept)
        .last();
    let batch = batch.unwrap_or(16.0);
    let epochs = (4000.0 * batch / kept).clamp(10.0, 200.0).round();
    let patience = (epochs / 8.0).clamp(5.0, 20.0).round();
    let (loss, metrics, others) = match task {
        Task::Classification => (
            "softmax_cross_entropy",
            "accuracy",
            "# losses for classes: softmax_cross_entropy, { softmax_focal_cross_entropy = { gamma = 2.0 } }\n\
             # metrics for classes: accuracy, { top_k = { k = 3 } }\n\
             # for rare classes: class_weights = \"balanced\", or a weight for each name: class_weights = { a = 1.0, b = 5.0 }\n",
        ),
        Task::Regression => (
            "mean_squared_error",
            "r2",
            "# losses for numbers: mean_squared_error, mean_absolute_error, log_cosh, { huber = { delta = 1.0 } },\n\
             # { quantile = { quantile = 0.9 } }\n\
             # metrics for numbers: r2, mean_absolute_error (of the scaled targets)\n",
        ),
    };
    format!(
        "\n[training]\n{others}\
         loss = \"{loss}\"\n\
         metrics = [\"{metrics}\"]\n\
         epochs = {epochs}  # the most passes over the training rows\n\
         batch = {batch}  # rows per step\n\
         accumulate = 1  # steps that share one update\n\
         label_smoothing = 0.0  # share of class targets that is spread over all classes\n\
         shuffle = true\n\
         seed = 0\n\
         \n\
         [training.early_stopping]  # remove this section to train for all epochs\n\
         patience = {patience}  # epochs without a better loss before the training ends\n\
         min_delta = 0.0\n\
         restore_best = true  # keep the weights of the best epoch\n\
         # monitor = \"{metrics}\"  # watch this metric instead of the loss\n\
         \n\
         # [training.reduce_on_plateau]  # a learning rate that falls when the loss no longer does\n\
         # factor = 0.3\n\
         # patience = 5\n\
         \n\
         [training.optimizer]\n\
         kind = \"adam\"  # sgd, rmsprop, adam, adamw, adagrad, adadelta, adamax, nadam, lion, lamb\n\
         learning_rate = 0.003  # or e.g. {{ cosine = {{ peak = 0.003, updates = 2000, floor = 0.0, warm_up = 100, start = 0.0 }} }}\n\
         clip = {{ norm = 1.0 }}  # the largest norm of the gradient; {{}} for no limit\n\
         weight_decay = 0.0\n\
         # ema_momentum = 0.99  # moving averages of the weights, which the model has in the end\n\
         # rate_factors = {{ \"0.dense\" = 0.1 }}  # other learning rates for layers, by path\n"
    )
}

/// What stands before the layers.
pub fn network() -> String {
    "\n[network]\n\
     seed = 0  # of the initial weights\n\
     # input_range = [-3.0, 3.0]  # instead of the range of the training rows, from which x_Q follows\n\
     \n\
     # The layers in order. Options that are not written have their defaults; `run.toml` in a run's folder shows all of them.\n\
     # activation: linear, sigmoid, tanh, arctan, relu, relu6, leaky_relu, elu, selu, softplus, log_sigmoid, exponential, silu,\n\
     #   mish, gelu, hard_tanh, hard_sigmoid, softsign\n\
     # auto_rotate: true, false, or { rule = \"aligned\", learn_l = \"per_unit\" } for the aligned rule with a learnt L\n"
        .to_owned()
}

/// A layer with options, and a comment.
pub fn layer(kind: &str, options: &[(&str, String)], comment: &str) -> String {
    let mut text = format!(
        "\n[[network.layers]]{}\nkind = \"{kind}\"\n",
        if comment.is_empty() { String::new() } else { format!("  # {comment}") }
    );
    for (name, value) in options {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name} = {value}");
    }
    text
}

/// A hidden dense layer.
pub fn hidden(units: usize) -> String {
    layer(
        "dense",
        &[("units", units.to_string()), ("activation", quoted("tanh")), ("auto_rotate", "true".to_owned())],
        "",
    )
}

/// The layer that answers.
pub fn last(units: usize, what: &str) -> String {
    layer(
        "dense",
        &[("units", units.to_string())],
        &format!("the answer: one unit for {what}; not rotated, since ρ would bound it"),
    )
}
