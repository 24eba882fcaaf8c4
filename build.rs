//! Tells the program when it was built: the clock is never believed when it
//! says an earlier time. `SOURCE_DATE_EPOCH` makes builds repeatable.

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=Cargo.lock");
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    println!("cargo:rustc-env=CONPAAS_BUILD_TIME={}", given.unwrap_or_else(now));
}
