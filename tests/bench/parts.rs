//! What a start consists of, each part alone: a handshake with a request, a certificate, a wait for the disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Authority, Lifetime, Subject};
use tokio::runtime::Runtime;

use super::figures::Figures;
use super::load;
use super::timed;
use crate::support::product::Product;

const ROUNDS: usize = 50;

/// Measures each part on the otherwise idle machine.
pub(crate) fn measure(runtime: &Runtime, product: &Product, state: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    figures.one_request = load::one_by_one(runtime, product, ROUNDS)?;
    let authority = Authority::load(&product.certificates())?;
    let subject = Subject::agent(UserId(1), ApplicationId(1));
    for _ in 0..ROUNDS {
        figures.certificate.push(timed(|| Ok(authority.issue(&subject, &[], Lifetime::NODE).map(drop)?))?);
        figures.disk.push(write_safely(&state.join("disk"))?);
    }
    Ok(())
}

fn write_safely(path: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut file = File::create(path)?;
    file.write_all(&[0; 4096])?;
    file.sync_data()?;
    Ok(began.elapsed())
}
