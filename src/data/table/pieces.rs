//! Tables that are read a piece at a time.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Preparation, Table};
use crate::data::{Dataset, Source, Stream};
use crate::{Error, Result};

/// The first rows of a file of this name, as many as there are up to `rows`.
pub(in crate::data) fn head(
    name: &str,
    mut pieces: impl Iterator<Item = Result<Table>>,
    rows: usize,
) -> Result<Table> {
    let mut table = pieces.next().unwrap_or_else(|| Err(without_rows(name)))?;
    while table.len() < rows {
        let Some(more) = pieces.next() else { break };
        table = table.followed_by(&more?)?;
    }
    table.select(&(0..rows.min(table.len())).collect::<Vec<_>>())
}

/// The rows of a file of this name, which is opened once to count its complete rows and again for every epoch, as this preparation makes
/// them.
pub(in crate::data) fn prepared<I>(
    name: &str,
    preparation: &Preparation,
    open: impl Fn() -> Result<I> + Send + Sync + 'static,
) -> Result<Box<dyn Source>>
where
    I: Iterator<Item = Result<Table>> + Send + 'static,
{
    let (mut rows, mut all) = (0, 0);
    for table in open()? {
        let table = table?;
        (rows, all) = (rows + preparation.complete(&table)?.len(), all + table.len());
    }
    if rows == 0 {
        return Err(without_rows(name));
    }
    if rows < all {
        log::warn!("{name}: {} of {all} rows lack a value and are left out", all - rows);
    }
    let preparation = preparation.clone();
    // What single precision loses of the first piece is said once.
    let told = AtomicBool::new(false);
    let stream = Stream::new(rows, move |_| {
        let (preparation, is_told) = (preparation.clone(), told.swap(true, Ordering::Relaxed));
        let prepare = move |(piece, table): (usize, Result<Table>)| {
            let mut doubt = |doubt| {
                if piece == 0 && !is_told {
                    log::warn!("{doubt}");
                }
            };
            table.and_then(|table| data(&preparation, &table, &mut doubt)).transpose()
        };
        Ok(open()?.enumerate().filter_map(prepare))
    })?;
    Ok(Box::new(stream))
}

/// The complete rows of a table, if there are any.
fn data(preparation: &Preparation, table: &Table, doubt: &mut dyn FnMut(String)) -> Result<Option<Dataset>> {
    let rows = preparation.complete(table)?;
    let some = !rows.is_empty();
    some.then(|| preparation.apply_to(table, &rows, doubt)).transpose()
}

fn without_rows(name: &str) -> Error {
    Error::invalid(name, "no complete row", "at least one", "select fewer columns, or impute missing values")
}
