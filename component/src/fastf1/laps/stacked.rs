//! How pandas puts the drivers' tyres below each other, and what it makes of missing values then.

use super::super::lap::Lap;
use super::super::stints::Tyre;
use super::super::text::Text;

/// A cell of a column of objects: a value, Python's None (`Some(None)`) or pandas' NaN (`None`). They end up
/// as different texts and truths.
type ObjectCell<T> = Option<Option<T>>;

/// Compound and freshness of the tyres of all laps so far.
#[derive(Default)]
pub struct TyreColumns {
    compounds: Vec<ObjectCell<String>>,
    new: Vec<ObjectCell<bool>>,
    /// The column is one of truths, not of objects.
    new_is_bool: bool,
}

impl TyreColumns {
    /// Adds a driver's tyres, None for a lap before they were known. `complete`: no message on tyres, of any
    /// driver, leaves out whether they are new.
    pub fn push(&mut self, tyres: &[Option<&Tyre>], complete: bool) {
        let compounds = tyres.iter().map(|tyre| tyre.map(|tyre| tyre.compound.clone())).collect();
        let new: Vec<ObjectCell<bool>> = tyres.iter().map(|tyre| tyre.map(|tyre| tyre.new)).collect();
        let new_is_bool =
            complete && new.iter().flatten().all(Option::is_some) && new.iter().all(Option::is_some);
        let is_first = self.new.is_empty();
        stack(&mut self.compounds, compounds, false);
        stack(&mut self.new, new, self.new_is_bool || new_is_bool);
        self.new_is_bool = new_is_bool && (is_first || self.new_is_bool);
    }

    /// Sets the two cells of each lap. A column that holds no value at all is empty texts and false.
    pub fn fill(self, laps: &mut [Lap]) {
        let nothing_new = self.new.iter().flatten().all(Option::is_none);
        for (lap, (compound, new)) in laps.iter_mut().zip(self.compounds.into_iter().zip(self.new)) {
            lap.compound = compound.map_or(Text::NaN, Text::from);
            // Python takes NaN for true and None for false.
            lap.fresh_tyre = !nothing_new && new.is_none_or(|new| new.unwrap_or(false));
        }
        Text::cast(laps.iter_mut().map(|lap| &mut lap.compound));
    }
}

/// `pandas.concat` of two columns: of one that holds no value at all every cell becomes what the first is,
/// unless one of the two is a column of truths.
fn stack<T>(above: &mut Vec<ObjectCell<T>>, mut below: Vec<ObjectCell<T>>, one_is_bool: bool) {
    if !above.is_empty() && !one_is_bool {
        for column in [&mut *above, &mut below] {
            let is_nan = column.first().is_some_and(Option::is_none);
            if column.iter().flatten().all(Option::is_none) {
                column.fill_with(|| if is_nan { None } else { Some(None) });
            }
        }
    }
    above.append(&mut below);
}
