//! What another list of prices would change. Nothing is fetched, and nothing is written unless a path says where.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::process::{print, say, today};
use super::list;
use crate::policy::price::{Table, written};

/// A comparison with another list.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["diff", "out"]))]
pub(super) struct Update {
    /// The other list
    file: PathBuf,
    /// Print what would change
    #[arg(long)]
    diff: bool,
    /// Write the changed table to this path, as src/policy/price/table.txt is written
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

/// The lines of a table: prices as they are written, by provider and model.
type Rows = BTreeMap<String, String>;

impl Update {
    /// Prints the differences, and writes the table, as far as that was asked for.
    pub(super) fn run(self) -> Result<(), String> {
        let text = read(&self.file)?;
        let old = rows(Table::INCLUDED);
        let (head, new) = match Table::read(&text) {
            Some(table) => {
                let head: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
                (head.join("\n"), rows(table))
            }
            None => {
                let name = self.file.file_name().unwrap_or_default().display();
                let date = today();
                (
                    format!("# date {date}\n# sources {name}"),
                    list::merged(Table::INCLUDED, &text).ok_or_else(|| {
                        format!("{name} is neither a table of scripts/prices nor a list of models in JSON")
                    })?,
                )
            }
        };
        if self.diff {
            let difference = difference(&old, &new);
            print(if difference.is_empty() {
                "nothing would change"
            } else {
                difference.trim_end()
            });
        }
        if let Some(path) = &self.out {
            let mut text = format!("{head}\n");
            for (name, price) in &new {
                let _ = writeln!(text, "{name}\t{price}");
            }
            fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            say(&format!("{}: {} models", path.display(), new.len()));
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Returns the rows of a table, each written anew, so that only numbers can differ.
fn rows(table: Table<'_>) -> Rows {
    let rows = table
        .rows()
        .filter_map(|row| Some((format!("{}/{}", row.provider, row.model), written(&row.price()?))));
    rows.collect()
}

/// Returns the lines that go and those that come, as a patch has them.
fn difference(old: &Rows, new: &Rows) -> String {
    let mut text = String::new();
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let (before, after) = (old.get(name), new.get(name));
        if before != after {
            for (sign, price) in [('-', before), ('+', after)] {
                let _ = price.map(|price| writeln!(text, "{sign} {name}  {price}"));
            }
        }
    }
    text
}
