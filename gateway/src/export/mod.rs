//! What follows the log: each follower reads facts in commit order behind a durable cursor of its
//! own, and can lag, break and start over without anybody else noticing.

#[cfg(test)]
pub(crate) mod script;
