//! `user enable_totp`, `user disable_totp`: one-time codes beside the password.

use super::certificate::password;
use crate::api::RecoveryCodesView;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::cli::output::prompt;
use crate::client::error::Failure;
use crate::template::Qr;

/// Shows a secret to be taken by a phone, and switches codes on by the first one.
///
/// # Errors
/// The director refuses password or code, or codes are on already.
pub(super) async fn enable(run: &Invocation) -> Result<Reply, Failure> {
    let secret = run.session.begin_totp(&password(run)?).await?;
    let picture = Qr::lines(&secret.url).map(|lines| format!("{}\n", lines.join("\n"))).unwrap_or_default();
    run.printer.note(&format!(
        "Let an authenticator on your phone take this picture, or type the secret into it:\n{picture}{}",
        secret.secret
    ));
    let code = prompt::ask_line("Enter the code that it shows: ")?;
    let codes = run.session.confirm_totp(&code).await?;
    Ok(Reply::lines(&lines(&codes), &codes))
}

/// Switches codes off.
///
/// # Errors
/// The director refuses password or code.
pub(super) async fn disable(run: &Invocation) -> Result<Reply, Failure> {
    let password = password(run)?;
    let code = prompt::ask_line("Enter a one-time code, or a recovery code: ")?;
    run.session.end_totp(&password, &code).await?;
    Ok(Reply::done("A login by password needs no one-time code any more."))
}

fn lines(codes: &RecoveryCodesView) -> Vec<String> {
    let head = "A login by password needs a one-time code from now on. Without your phone each of these logs you in once; \
                keep them somewhere else:";
    std::iter::once(head.to_owned()).chain(codes.recovery_codes.iter().cloned()).collect()
}
