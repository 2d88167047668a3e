"""Writes augmentation.json: what Keras' random layers make of images when both limits of what they draw are the same number.

Images are [height, width, channels] with values in 0..1. Wrapped images are not seen from farther than their size
outside: TensorFlow 2.15 returns other pixels there than the image's repetition has (it divides by the size less one).
"""

from common import draw, flat, np, tf, uniform, write

L = tf.keras.layers


def case(name, layer, kind, shape=(4, 5, 2), **options):
    x = np.round(uniform(draw(name), 0.0, 1.0, 1, *shape), 3)
    words = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
    y = layer(**options)(x, training=True)
    return {"name": name, "kind": kind, "options": words, "shape": list(shape), "x": flat(x), "y": flat(y)}


def cases():
    fills = ["reflect", "wrap", "constant", "nearest"]
    for fill in fills:
        for factor in (0.07, -0.3, 0.25):
            name = f"rotation_{fill}_{factor}"
            yield case(name, L.RandomRotation, "random_rotation", factor=(factor, factor), fill_mode=fill, fill_value=0.5)
        yield case(f"rotation_square_{fill}", L.RandomRotation, "random_rotation", (5, 5, 1), factor=(0.1, 0.1), fill_mode=fill,
                   interpolation="nearest")
        yield case(f"zoom_out_{fill}", L.RandomZoom, "random_zoom", height_factor=(0.33, 0.33), fill_mode=fill)
        yield case(f"zoom_both_{fill}", L.RandomZoom, "random_zoom", height_factor=(0.4, 0.4), width_factor=(-0.3, -0.3),
                   fill_mode=fill, fill_value=0.25)
        yield case(f"translation_{fill}", L.RandomTranslation, "random_translation", height_factor=(0.3, 0.3),
                   width_factor=(-0.45, -0.45), fill_mode=fill)
        yield case(f"translation_nearest_{fill}", L.RandomTranslation, "random_translation", height_factor=(-0.3, -0.3),
                   width_factor=(0.25, 0.25), fill_mode=fill, fill_value=0.125, interpolation="nearest")
    yield case("zoom_in", L.RandomZoom, "random_zoom", height_factor=(-0.6, -0.6), interpolation="nearest")
    for factor in (0.3, -0.4):
        yield case(f"brightness_{factor}", L.RandomBrightness, "random_brightness", factor=(factor, factor), value_range=(0.0, 1.0))
    yield case("brightness_wide", L.RandomBrightness, "random_brightness", factor=(0.1, 0.1), value_range=(-1.0, 3.0))


write("augmentation.json", {"cases": list(cases())})
