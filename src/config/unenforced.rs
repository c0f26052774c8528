//! Limits that a table sets, and that do not hold yet.
//!
//! Nothing counts what is used. When limits hold, this file goes.

use super::account::{Account, Group};
use super::allowance::{Allowance, Limits};
use super::problem::{Problems, shown};
use super::route::Route;

/// Refuses a table that limits somebody, so that nobody believes it.
pub(super) fn refuse(routes: &[Route], accounts: &[Account], groups: &[Group], origin: &str, problems: &mut Problems) {
    let is_limited = |account: &&Account| account.allowance != Allowance::default() || !account.per_model.is_empty();
    let accounts = accounts.iter().filter(is_limited).map(|account| &account.name);
    let groups = groups.iter().filter(|group| group.allowance != Allowance::default());
    let routes = routes.iter().filter(|route| route.key_limits != Limits::default());
    let limited = accounts
        .chain(groups.map(|group| &group.name))
        .chain(routes.map(|route| &route.name));
    let names: Vec<String> = limited.map(|name| ["`", &shown(name), "`"].concat()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        let message = [
            "this gateway does not enforce limits yet, and the table sets some for ",
            &names,
        ]
        .concat();
        let hint = "take `limits`, `budget`, `per_model` and `key_limits` out: nobody would be limited by them";
        problems.at(origin, message, hint);
    }
}
