use std::time::Instant;

use chrono::Utc;
use tokio::net::UdpSocket;

use super::*;
use crate::clock::chronyd_tests::Chronyd;

fn near(offset: TimeDelta, seconds: i64) -> bool {
    (offset - TimeDelta::seconds(seconds)).abs() < TimeDelta::seconds(5)
}

#[tokio::test]
async fn without_servers_only_the_past_speaks_against_a_clock() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = ClockSettings::new(Vec::new());
    settings.record = Some(directory.path().join("last-time"));
    let verdict = enforce(&settings, &Clock::system()).await.unwrap();
    assert_eq!(verdict, ClockVerdict::Unchecked(Unchecked::NoServers));
    assert_eq!(verdict.warning(), None);

    // A time that nobody confirmed is remembered, but it speaks against no clock: one that ran ahead
    // for ten years is set right, and all goes on.
    enforce(&settings, &Clock::with_offset(TimeDelta::days(3650))).await.unwrap();
    assert!(
        settings.record.as_deref().and_then(recorded_time).is_some_and(|at| at > Utc::now() + TimeDelta::days(3600))
    );
    enforce(&settings, &Clock::system()).await.unwrap();
    expect_plausible(&Clock::system(), &directory.path().join("last-time")).unwrap();
    settings.record = None;
    let error = enforce(&settings, &Clock::with_offset(TimeDelta::days(-20_000))).await.unwrap_err();
    assert!(error.to_string().contains("this program was built at"), "{error}");
    // A clock that runs ahead cannot be told from a right one without a server.
    assert!(enforce(&settings, &Clock::with_offset(TimeDelta::days(400))).await.is_ok());
}

#[tokio::test]
async fn a_clock_must_not_be_before_what_a_server_confirmed() {
    let chronyd = Chronyd::start(0).await;
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("last-time");
    let mut settings = chronyd.settings();
    settings.record = Some(record.clone());
    enforce(&settings, &Clock::system()).await.unwrap();
    // Nobody answers now; a clock behind is refused, and one in 1970 by whichever is later.
    settings.servers.clear();
    for days_behind in [3, 20_000] {
        let shifted = Clock::with_offset(TimeDelta::days(-days_behind));
        let error = enforce(&settings, &shifted).await.unwrap_err();
        assert!(matches!(&error, ClockError::Wrong(ClockVerdict::Implausible { floor: Floor::Recorded { .. }, .. })));
        let path = confirmed(&record);
        assert!(error.to_string().contains(&format!("remove {}", path.display())), "{error}");
        assert!(expect_plausible(&shifted, &record).is_err());
    }
    // The remedy is right.
    std::fs::remove_file(confirmed(&record)).unwrap();
    let behind = Clock::with_offset(TimeDelta::days(-3).max(build_time() - Utc::now() + TimeDelta::seconds(1)));
    enforce(&settings, &behind).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_warning_unless_one_is_required() {
    let nobody = {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap().to_string()
    };
    let mut settings = ClockSettings::new(vec![nobody.clone(), "no-such-host.invalid:123".to_owned()]);
    let verdict = enforce(&settings, &Clock::system()).await.unwrap();
    let warning = verdict.warning().unwrap();
    assert!(warning.contains(&format!("{nobody}: nobody answers there")), "{warning}");
    assert!(warning.contains("no-such-host.invalid:123: its name"), "{warning}");
    settings.is_server_required = true;
    let error = enforce(&settings, &Clock::system()).await.unwrap_err();
    assert!(matches!(error, ClockError::Required(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_keeps_silent_or_talks_nonsense_costs_a_bounded_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut settings = ClockSettings::new(vec![silent.local_addr().unwrap().to_string()]);
    settings.answer_timeout = Duration::from_millis(50);
    let started = Instant::now();
    let ClockVerdict::Unchecked(Unchecked::NoAnswer(reasons)) = check(&settings, &Clock::system()).await else {
        panic!("a silent server gives no verdict");
    };
    assert!(reasons[0].ends_with("it does not answer"), "{reasons:?}");
    assert!(started.elapsed() < Duration::from_secs(5));

    let babbler = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    settings.servers = vec![babbler.local_addr().unwrap().to_string()];
    settings.answer_timeout = Duration::from_secs(1);
    let babble = async {
        let mut buffer = [0; 256];
        loop {
            let (_, from) = babbler.recv_from(&mut buffer).await.unwrap();
            babbler.send_to(&[0xff; 48], from).await.unwrap();
        }
    };
    let clock = Clock::system();
    tokio::select! {
        () = babble => unreachable!("it babbles for ever"),
        verdict = check(&settings, &clock) => {
            assert!(matches!(verdict, ClockVerdict::Unchecked(Unchecked::NoAnswer(_))), "{verdict}");
        }
    }
}

#[tokio::test]
async fn a_real_server_tells_right_from_wrong_whatever_the_clock_says() {
    let chronyd = Chronyd::start(0).await;
    let settings = chronyd.settings();
    let verdict = enforce(&settings, &Clock::system()).await.unwrap();
    assert!(matches!(&verdict, ClockVerdict::Right { offset, .. } if near(*offset, 0)), "{verdict}");
    // 30 s are allowed, two minutes are not; 1970 and a clock far ahead are told exactly.
    let at_epoch = -Utc::now().timestamp();
    for (shift, is_wrong) in [(30, false), (120, true), (-120, true), (at_epoch, true), (315_000_000, true)] {
        let clock = Clock::with_offset(TimeDelta::seconds(shift));
        let verdict = check(&settings, &clock).await;
        let offset = match &verdict {
            ClockVerdict::Right { offset, .. } if !is_wrong => *offset,
            ClockVerdict::Wrong { offset, .. } if is_wrong => *offset,
            other => panic!("shift {shift}: {other}"),
        };
        assert!(near(offset, -shift), "shift {shift}: {verdict}");
    }
}

#[tokio::test]
async fn a_wrong_clock_stops_the_work_or_is_set_when_that_is_asked() {
    let chronyd = Chronyd::start(100).await;
    let directory = tempfile::tempdir().unwrap();
    let mut settings = chronyd.settings();
    settings.record = Some(directory.path().join("last-time"));
    let error = enforce(&settings, &Clock::system()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the clock is 1 min 40 s behind {}", chronyd.server)), "{error}");
    assert!(error.contains("--step-clock") && error.lines().count() == 1, "{error}");

    settings.may_step = true;
    let clock = Clock::with_offset(TimeDelta::days(-9_000));
    let verdict = enforce(&settings, &clock).await.unwrap();
    assert!(matches!(verdict, ClockVerdict::Right { .. }), "{verdict}");
    assert!(near(clock.now() - Utc::now(), 100), "{}", clock.now());
    assert!(settings.record.is_some_and(|path| recorded_time(&path).is_some()));
}

#[tokio::test]
async fn the_first_server_that_can_be_believed_decides() {
    let long_ago = Chronyd::start(-900_000_000).await;
    let right = Chronyd::start(0).await;
    let settings = ClockSettings::new(vec![long_ago.server.clone(), right.server.clone()]);
    let verdict = check(&settings, &Clock::system()).await;
    assert!(matches!(&verdict, ClockVerdict::Right { server, .. } if *server == right.server), "{verdict}");
    // Alone, a server from before the build is no evidence at all.
    let verdict = check(&long_ago.settings(), &Clock::system()).await;
    assert!(verdict.to_string().contains("it says a time before this program was built"), "{verdict}");
}
