"""Writes training.json: Keras 2.15's optimisers, losses, metrics and schedules, and a small net that trains.

Everything is float32. The gradients given to the optimisers differ in scale by element (one is near
RMSprop's epsilon, one is 0) and by step (some norms are below the clipping limits, some above). The net
is drawn again until its five steps in float64 end within 5e-6 of the weights' mean size.
"""

from common import draw, flat, normal, np, number, off_by, rows, tf, uniform, write

from ARPkeras import AutoRotDense

keras = tf.keras

# ---------------------------------------------------------------------------------------------------------
# Optimisers

OPTIMIZERS = {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop,
              "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW,
              "adagrad": keras.optimizers.Adagrad, "adadelta": keras.optimizers.Adadelta,
              "adamax": keras.optimizers.Adamax, "nadam": keras.optimizers.Nadam, "lion": keras.optimizers.Lion}
SETTINGS = {"sgd": ["learning_rate", "momentum", "nesterov"],
            "rmsprop": ["learning_rate", "rho", "momentum", "epsilon"],
            "adam": ["learning_rate", "beta_1", "beta_2", "epsilon"],
            "adamw": ["learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay"],
            "adagrad": ["learning_rate", "initial_accumulator_value", "epsilon"],
            "adadelta": ["learning_rate", "rho", "epsilon"],
            "adamax": ["learning_rate", "beta_1", "beta_2", "epsilon"],
            "nadam": ["learning_rate", "beta_1", "beta_2", "epsilon"],
            "lion": ["learning_rate", "beta_1", "beta_2"]}
CLIPPING = ["global_clipnorm", "clipvalue"]

STEPS, LENGTH = 6, 8
ELEMENT_SCALE = np.array([1.0, 0.5, 2.0, 0.1, 1.0, 3e-4, 0.0, 0.7], np.float32)
STEP_SCALE = np.array([0.3, 1.0, 0.02, 0.004, 2.0, 0.2], np.float32)

# name, optimiser, settings that are not Keras' defaults, lengths of the parameters, parameters not decayed
TRAJECTORIES = [
    ("sgd", "sgd", dict(learning_rate=0.1), [8], []),
    ("sgd_momentum", "sgd", dict(learning_rate=0.1, momentum=0.9), [8], []),
    ("sgd_nesterov", "sgd", dict(learning_rate=0.1, momentum=0.9, nesterov=True), [8], []),
    ("sgd_clipvalue", "sgd", dict(learning_rate=0.1, clipvalue=0.01), [8], []),
    ("sgd_global_clipnorm", "sgd", dict(learning_rate=0.1, global_clipnorm=0.5), [8], []),
    ("sgd_global_clipnorm_two_parameters", "sgd", dict(learning_rate=0.1, global_clipnorm=0.5), [4, 4], []),
    ("sgd_nesterov_global_clipnorm", "sgd",
     dict(learning_rate=0.1, momentum=0.9, nesterov=True, global_clipnorm=0.5), [8], []),
    ("rmsprop", "rmsprop", dict(), [8], []),
    ("rmsprop_momentum", "rmsprop", dict(momentum=0.5), [8], []),
    ("rmsprop_global_clipnorm", "rmsprop", dict(learning_rate=0.01, global_clipnorm=0.5), [8], []),
    ("adam", "adam", dict(), [8], []),
    ("adam_global_clipnorm", "adam", dict(learning_rate=0.01, global_clipnorm=0.5), [8], []),
    ("adamw", "adamw", dict(), [8], []),
    ("adamw_strong_decay", "adamw", dict(learning_rate=0.01, weight_decay=2.0), [8], []),
    ("adamw_second_parameter_not_decayed", "adamw", dict(learning_rate=0.01, weight_decay=2.0), [4, 4], [1]),
    ("adagrad", "adagrad", dict(learning_rate=0.1), [8], []),
    ("adagrad_from_zero", "adagrad", dict(learning_rate=0.1, initial_accumulator_value=0.0), [8], []),
    ("adadelta", "adadelta", dict(learning_rate=1.0), [8], []),
    ("adamax", "adamax", dict(), [8], []),
    ("lion", "lion", dict(), [8], []),
    ("lion_clipvalue", "lion", dict(beta_1=0.5, clipvalue=0.01), [8], []),
    ("nadam", "nadam", dict(), [8], []),
    ("nadam_other_betas", "nadam", dict(learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3), [8], []),
    ("sgd_averaged", "sgd", dict(learning_rate=0.1, momentum=0.9, use_ema=True, ema_momentum=0.8), [8], []),
    ("adamw_averaged", "adamw", dict(learning_rate=0.01, weight_decay=2.0, use_ema=True), [4, 4], [1]),
    ("adamw_global_clipnorm", "adamw", dict(learning_rate=0.01, global_clipnorm=0.5), [8], []),
]


def split(vector, lengths):
    return np.split(vector, np.cumsum(lengths)[:-1])


def trajectory(name, kind, given, lengths, not_decayed):
    rng = draw(name)
    initial = uniform(rng, -1.0, 1.0, LENGTH)
    gradients = normal(rng, STEPS, LENGTH) * STEP_SCALE[:, None] * ELEMENT_SCALE + np.float32(0.0)  # no -0.0
    variables = [tf.Variable(part) for part in split(initial, lengths)]
    optimizer = OPTIMIZERS[kind](**given)
    if not_decayed:
        optimizer.exclude_from_weight_decay(var_list=[variables[i] for i in not_decayed])
    parameters, averages = [], []
    for gradient in gradients:
        parts = [tf.constant(part) for part in split(gradient, lengths)]
        optimizer.apply_gradients(zip(parts, variables))
        parameters.append(np.concatenate([v.numpy() for v in variables]))
        if optimizer.use_ema:
            averages.append(np.concatenate([v.numpy() for v in optimizer._model_variables_moving_average]))
    config = optimizer.get_config()
    settings = {key: config[key] for key in SETTINGS[kind]}
    settings["learning_rate"] = number(settings["learning_rate"])
    settings.update({key: given[key] for key in CLIPPING if key in given})
    if optimizer.use_ema:
        settings["ema_momentum"] = config["ema_momentum"]
    case = dict(name=name, optimizer=kind, settings=settings, lengths=lengths, not_decayed=not_decayed,
                initial=flat(initial), gradients=rows(gradients), parameters=rows(parameters))
    return dict(case, averages=rows(averages)) if averages else case


# ---------------------------------------------------------------------------------------------------------
# Losses and metrics, on predictions [BATCH, OUTPUTS]

BATCH, OUTPUTS = 5, 4


def classes(rng):
    return rng.integers(0, OUTPUTS, BATCH)


def distributions(rng):
    return tf.nn.softmax(normal(rng, BATCH, OUTPUTS)).numpy()


def one_hot(rng):
    return np.eye(OUTPUTS, dtype=np.float32)[classes(rng)]


def fractions(rng):
    return uniform(rng, 0.0, 1.0, BATCH, OUTPUTS)


def bits(rng):
    return rng.integers(0, 2, (BATCH, OUTPUTS)).astype(np.float32)


def reals(rng):
    return normal(rng, BATCH, OUTPUTS)


def counts(rng):
    return rng.integers(0, 6, (BATCH, OUTPUTS)).astype(np.float32)


def of_softmax(loss):
    """A loss of probabilities, from logits."""
    return lambda targets, logits: loss(targets, tf.nn.softmax(logits))


def of_rates(loss):
    """A loss of rates, from their logarithms."""
    return lambda targets, logarithms: loss(targets, tf.exp(logarithms))


SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
CATEGORICAL = keras.losses.CategoricalCrossentropy(from_logits=True)
BINARY = keras.losses.BinaryCrossentropy(from_logits=True)

# name, loss, its Keras object, its settings, targets, size of the predictions
LOSSES = [
    ("sparse", "sparse_categorical_crossentropy", SPARSE, dict(from_logits=True), classes, 2.0),
    ("sparse_large_logits", "sparse_categorical_crossentropy", SPARSE, dict(from_logits=True), classes, 60.0),
    ("categorical_soft", "categorical_crossentropy", CATEGORICAL, dict(from_logits=True), distributions, 2.0),
    ("categorical_one_hot", "categorical_crossentropy", CATEGORICAL, dict(from_logits=True), one_hot, 2.0),
    ("binary", "binary_crossentropy", BINARY, dict(from_logits=True), bits, 2.0),
    ("binary_soft", "binary_crossentropy", BINARY, dict(from_logits=True), fractions, 2.0),
    ("binary_large_logits", "binary_crossentropy", BINARY, dict(from_logits=True), bits, 60.0),
    ("mean_squared_error", "mean_squared_error", keras.losses.MeanSquaredError(), dict(), reals, 1.0),
    ("mean_absolute_error", "mean_absolute_error", keras.losses.MeanAbsoluteError(), dict(), reals, 1.0),
    ("huber", "huber", keras.losses.Huber(delta=1.0), dict(delta=1.0), reals, 1.0),
    ("huber_half", "huber", keras.losses.Huber(delta=0.5), dict(delta=0.5), reals, 1.0),
    ("log_cosh", "log_cosh", keras.losses.LogCosh(), dict(), reals, 1.0),
    ("log_cosh_large", "log_cosh", keras.losses.LogCosh(), dict(), reals, 20.0),
    ("poisson", "poisson", of_rates(keras.losses.Poisson()), dict(), counts, 1.0),
    ("cosine_similarity", "cosine_similarity", keras.losses.CosineSimilarity(), dict(), reals, 1.0),
    ("kl_divergence", "kl_divergence", of_softmax(keras.losses.KLDivergence()), dict(), distributions, 2.0),
    ("categorical_focal", "categorical_focal_crossentropy",
     keras.losses.CategoricalFocalCrossentropy(from_logits=True), dict(gamma=2.0, alpha=0.25), one_hot, 1.0),
    ("categorical_focal_gamma_3", "categorical_focal_crossentropy",
     keras.losses.CategoricalFocalCrossentropy(alpha=0.6, gamma=3.0, from_logits=True),
     dict(gamma=3.0, alpha=0.6), distributions, 1.0),
    ("binary_focal", "binary_focal_crossentropy", keras.losses.BinaryFocalCrossentropy(from_logits=True),
     dict(gamma=2.0), bits, 2.0),
    ("binary_focal_balanced", "binary_focal_crossentropy",
     keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=1.5, from_logits=True),
     dict(gamma=1.5, alpha=0.3), fractions, 2.0),
    ("hinge", "hinge", keras.losses.Hinge(), dict(), bits, 1.0),
    ("squared_hinge", "squared_hinge", keras.losses.SquaredHinge(), dict(), bits, 1.0),
]

# name, metric, its Keras object, its settings, targets
METRICS = [
    ("sparse_accuracy", "sparse_categorical_accuracy",
     keras.metrics.SparseCategoricalAccuracy(), dict(), classes),
    ("accuracy", "categorical_accuracy", keras.metrics.CategoricalAccuracy(), dict(), one_hot),
    ("sparse_top_2", "sparse_top_k_categorical_accuracy",
     keras.metrics.SparseTopKCategoricalAccuracy(k=2), dict(k=2), classes),
    ("mean_absolute_error", "mean_absolute_error", keras.metrics.MeanAbsoluteError(), dict(), reals),
    ("r2", "r2_score", keras.metrics.R2Score(class_aggregation="uniform_average"),
     dict(class_aggregation="uniform_average"), reals),
    ("mean_squared_error", "mean_squared_error", keras.metrics.MeanSquaredError(), dict(), reals),
    ("root_mean_squared_error", "root_mean_squared_error", keras.metrics.RootMeanSquaredError(), dict(), reals),
    ("mean_absolute_percentage_error", "mean_absolute_percentage_error",
     keras.metrics.MeanAbsolutePercentageError(), dict(), reals),
    ("precision", "precision", keras.metrics.Precision(thresholds=0.4), dict(thresholds=0.4), bits),
    ("recall", "recall", keras.metrics.Recall(thresholds=0.4), dict(thresholds=0.4), bits),
]


def listed(targets):
    return [int(t) for t in targets] if targets.ndim == 1 else flat(targets)


def loss_case(name, kind, loss, settings, targets_of, scale):
    rng = draw("loss " + name)
    predictions = normal(rng, BATCH, OUTPUTS) * np.float32(scale)
    targets = targets_of(rng)
    variable = tf.Variable(predictions)
    with tf.GradientTape() as tape:
        value = loss(targets, variable)
    return dict(name=name, loss=kind, settings=settings, batch=BATCH, outputs=OUTPUTS,
                predictions=flat(predictions), targets=listed(targets), value=number(value),
                d_predictions=flat(tape.gradient(value, variable)))


def metric_case(name, kind, metric, settings, targets_of):
    rng = draw("metric " + name)
    targets = targets_of(rng)
    predictions = normal(rng, BATCH, OUTPUTS)
    if targets_of is reals:  # near the targets, so that R2 is a sensible number
        predictions = targets + np.float32(0.4) * predictions
    else:  # better than chance
        hits = np.eye(OUTPUTS, dtype=np.float32)[targets] if targets.ndim == 1 else targets
        predictions += np.float32(1.3) * hits
    metric.update_state(targets, predictions)
    return dict(name=name, metric=kind, settings=settings, batch=BATCH, outputs=OUTPUTS,
                predictions=flat(predictions), targets=listed(targets), value=number(metric.result()))


# ---------------------------------------------------------------------------------------------------------
# Learning rate schedules

SCHEDULES = {"cosine_decay": keras.optimizers.schedules.CosineDecay,
             "cosine_decay_restarts": keras.optimizers.schedules.CosineDecayRestarts,
             "polynomial_decay": keras.optimizers.schedules.PolynomialDecay,
             "exponential_decay": keras.optimizers.schedules.ExponentialDecay,
             "piecewise_constant_decay": keras.optimizers.schedules.PiecewiseConstantDecay}

# name, schedule, settings, steps
RATES = [
    ("cosine", "cosine_decay", dict(initial_learning_rate=0.1, decay_steps=40, alpha=0.0),
     [0, 1, 7, 20, 33, 40, 41, 100]),
    ("cosine_alpha", "cosine_decay", dict(initial_learning_rate=0.05, decay_steps=30, alpha=0.1),
     [0, 1, 15, 29, 30, 50]),
    ("cosine_warmup", "cosine_decay",
     dict(initial_learning_rate=0.001, decay_steps=30, alpha=0.05, warmup_target=0.1, warmup_steps=10),
     [0, 1, 5, 9, 10, 11, 25, 39, 40, 41, 70]),
    ("exponential_staircase", "exponential_decay",
     dict(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, staircase=True), [0, 1, 9, 10, 11, 25]),
    ("exponential", "exponential_decay",
     dict(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, staircase=False), [0, 1, 9, 10, 11, 25]),
    ("polynomial", "polynomial_decay",
     dict(initial_learning_rate=0.1, decay_steps=20, end_learning_rate=0.001, power=2.0), [0, 1, 9, 19, 20, 55]),
    ("restarts", "cosine_decay_restarts",
     dict(initial_learning_rate=0.1, first_decay_steps=10, t_mul=2.0, m_mul=0.8, alpha=0.05),
     [0, 1, 9, 11, 20, 29, 31, 45, 69, 71, 100]),
    ("restarts_alike", "cosine_decay_restarts",
     dict(initial_learning_rate=0.1, first_decay_steps=10, t_mul=1.0, m_mul=0.5, alpha=0.0), [0, 1, 9, 11, 25]),
    ("piecewise", "piecewise_constant_decay", dict(boundaries=[5, 12], values=[0.1, 0.03, 0.01]),
     [0, 4, 5, 6, 11, 12, 13, 100]),
    ("piecewise_of_one", "piecewise_constant_decay", dict(boundaries=[0], values=[0.1, 0.2]), [0, 1, 9]),
]


def schedule_case(name, kind, settings, steps):
    rate = SCHEDULES[kind](**settings)
    return dict(name=name, schedule=kind, settings=settings, steps=steps,
                values=[number(rate(step)) for step in steps])


# ---------------------------------------------------------------------------------------------------------
# A net: 6-5-4-3, auto-rotated sigmoid, then classic logits

SIZES, NET_BATCH, NET_STEPS, NET_RATE = [6, 5, 4, 3], 8, 5, 0.01
X_MIN, X_MAX, L, EPSILON = 0.0, 1.0, 4.0, 1e-5
MAX_OFF = 5e-6


def draw_net(attempt):
    """The weights (kernel, bias, kernel, ...), the inputs and the classes."""
    rng = draw("net", attempt)
    weights = []
    for inputs, units in zip(SIZES, SIZES[1:]):
        limit = np.sqrt(6.0 / (inputs + units))
        weights += [uniform(rng, -limit, limit, inputs, units), uniform(rng, -0.5, 0.5, units)]
    x = uniform(rng, X_MIN, X_MAX, NET_BATCH, SIZES[0])
    return weights, x, rng.permutation(np.arange(NET_BATCH) % SIZES[-1])


def train(weights, x, targets, dtype):
    """Losses before every step and after the last, the first step's gradients, the weights at the end."""
    hidden = dict(L=L, eps=EPSILON, activation=keras.activations.sigmoid, dtype=dtype)
    net = keras.Sequential(
        [AutoRotDense(units, X_MIN, X_MAX, **hidden) for units in SIZES[1:-1]]
        + [keras.layers.Dense(SIZES[-1], dtype=dtype)])
    net.build(x.shape)
    net.set_weights(weights)
    optimizer = keras.optimizers.RMSprop(NET_RATE)
    losses, first = [], None
    for step in range(NET_STEPS + 1):
        with tf.GradientTape() as tape:
            logits = net(tf.constant(x, dtype))
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits))
        losses.append(loss.numpy())
        if step < NET_STEPS:
            gradients = tape.gradient(loss, net.trainable_variables)
            first = first or [g.numpy() for g in gradients]
            optimizer.apply_gradients(zip(gradients, net.trainable_variables))
    return losses, first, net.get_weights()


def as_layers(arrays):
    return [dict(inputs=w.shape[0], units=w.shape[1], kernel=flat(w), bias=flat(b))
            for w, b in zip(arrays[::2], arrays[1::2])]


def net_case():
    for attempt in range(1000):
        weights, x, targets = draw_net(attempt)
        losses, first, final = train(weights, x, targets, "float32")
        twin_losses, twin_first, twin_final = train(weights, x, targets, "float64")
        off = max(off_by(a, b) for a, b in zip([losses, *first, *final],
                                               [twin_losses, *twin_first, *twin_final]))
        if off <= MAX_OFF:
            break
    else:
        raise SystemExit("net: no draw is well enough conditioned")
    print(f"net: draw {attempt}, off by {off:.1e}")
    return dict(
        sizes=SIZES, batch=NET_BATCH, steps=NET_STEPS,
        hidden=dict(activation="sigmoid", x_min=X_MIN, x_max=X_MAX, l=L, epsilon=EPSILON),
        optimizer="rmsprop", settings=dict(learning_rate=NET_RATE, rho=0.9, momentum=0.0, epsilon=1e-7),
        loss="sparse_categorical_crossentropy", x=flat(x), targets=listed(targets),
        initial=as_layers(weights), first_gradients=as_layers(first),
        losses=[number(v) for v in losses], final=as_layers(final))


if __name__ == "__main__":
    write("training.json", dict(
        optimizers=[trajectory(*t) for t in TRAJECTORIES],
        losses=[loss_case(*c) for c in LOSSES],
        metrics=[metric_case(*c) for c in METRICS],
        schedules=[schedule_case(*c) for c in RATES],
        net=net_case()))
