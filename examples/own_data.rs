//! A table of your own: reads a CSV file, splits it, scales it, trains a network, and predicts in the table's own units. The
//! table is made up: 240 flats and their rents.
//!
//! `cargo run --release --example own_data`

use autorot::data::{Columns, Csv, Preparation, Scale, Table};
use autorot::{Activation, Adam, AutoRotate, Dense, Device, Loss, Result, Sequential, Targets, Trainer};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/flats.csv");

fn main() -> Result<()> {
    // Read the file, and set a fifth of its rows aside for testing.
    let split = Csv::open(FILE).table()?.split(0.2, 0)?;

    // How the columns are used. Scales and categories are found in the training rows only.
    let columns = Columns::new()
        .inputs(["area_m2", "floor", "built", "centre_km"])
        .scale(Scale::Standard)
        .categories(["heating"])
        .targets(["rent_eur"])
        .scale_targets(Scale::Standard);
    let preparation = Preparation::fit(&split.train, &columns)?;
    let (train, test) = (preparation.apply(&split.train)?, preparation.apply(&split.test)?);
    println!(
        "{} rows to train on, {} to test on, inputs {:?}",
        train.len(),
        test.len(),
        preparation.features()
    );

    let hidden = || Dense::new(16).activation(Activation::Tanh).auto_rotate(AutoRotate::new());
    let mut model = Sequential::for_data(&train)
        .add(hidden())
        .add(hidden())
        .add(Dense::new(1))
        .build(&Device::auto()?, 0)?;
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(16).epochs(150);
    trainer.progress(false).fit(&mut model, &train, Some(&test))?;

    // The network predicts scaled numbers; the preparation converts them back to euros.
    let predicted = preparation.invert(&model.predict(test.inputs())?)?;
    let Targets::Values { values, .. } = test.targets() else { return Ok(()) };
    let rents = preparation.invert(values)?;
    let mean = |numbers: &mut dyn Iterator<Item = f64>| numbers.sum::<f64>() / rents.len() as f64;
    let usual = mean(&mut rents.iter().copied());
    let error = mean(&mut rents.iter().zip(&predicted).map(|(a, b)| (a - b).abs()));
    let naive = mean(&mut rents.iter().map(|rent| (rent - usual).abs()));
    println!(
        "predictions for the test rows are off by {error:.0} € on average, always guessing their mean by {naive:.0} €"
    );

    // Flats that are not in the table, without a rent.
    let names = ["area_m2", "floor", "built", "centre_km", "heating"];
    let offers = [["55", "2", "1965", "3.5", "gas"], ["90", "4", "2015", "1.0", "heat pump"]];
    let inputs = preparation.inputs(&Table::new(names, offers)?)?;
    for (offer, rent) in offers.iter().zip(preparation.invert(&model.predict(&inputs)?)?) {
        println!("{} m², built {}, {} km from the centre: {rent:.0} €/month", offer[0], offer[2], offer[3]);
    }
    Ok(())
}
