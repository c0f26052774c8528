//! Limits that a table sets, and that do not hold yet.
//!
//! What counts for a day or for money has to outlive the process, and nothing is stored yet. Workers count nothing at all. When all limits
//! hold, this file goes.

use super::account::{Account, Group};
use super::allowance::{Allowance, Limits};
use super::parse::Table;
use super::problem::{Problems, shown};

/// Refuses a table that limits somebody by something that does not hold, so that nobody believes it. `counts`: requests, tokens and
/// what runs at the same time are counted.
pub(super) fn refuse(table: &Table, counts: bool, problems: &mut Problems) {
    let is_idle = |allowance: &Allowance| is_unenforced(allowance, counts);
    let accounts = table.accounts.iter().filter(|account| all_of(account).any(is_idle));
    let groups = table.around.groups.iter().filter(|group| is_idle(&group.allowance));
    let routes = table
        .routes
        .iter()
        .filter(|route| route.key_limits != Limits::default());
    let limited = accounts
        .map(|account: &Account| &account.name)
        .chain(groups.map(|group: &Group| &group.name))
        .chain(routes.map(|route| &route.name));
    let names: Vec<String> = limited.map(|name| ["`", &shown(name), "`"].concat()).collect();
    if names.is_empty() {
        return;
    }
    let names = names.join(", ");
    let message = [
        "the table sets limits that this gateway does not enforce yet, for ",
        &names,
    ]
    .concat();
    let hint = if counts {
        "take `requests_per_day`, `budget` and `key_limits` out: nobody would be limited by them; `requests_per_minute`, `tokens_per_minute` and `concurrent` hold"
    } else {
        "take `limits`, `budget`, `per_model` and `key_limits` out: nobody would be limited by them"
    };
    problems.at(&table.origin, message, hint);
}

fn all_of(account: &Account) -> impl Iterator<Item = &Allowance> {
    let per_model = account.per_model.iter().map(|(_, allowance)| allowance);
    [&account.allowance].into_iter().chain(per_model)
}

fn is_unenforced(allowance: &Allowance, counts: bool) -> bool {
    let lasting = Allowance {
        limits: Limits {
            requests_per_day: allowance.limits.requests_per_day,
            ..Limits::default()
        },
        budget: allowance.budget.clone(),
    };
    let nothing = Allowance::default();
    lasting != nothing || !counts && *allowance != nothing
}
