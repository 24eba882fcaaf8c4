//! Real programs under a supervisor: nginx, php-fpm, and small ones that misbehave.

mod world;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conpaas::supervise::daemon::{
    Change, CommandLine, Daemon, DaemonError, DaemonName, DaemonSignal, DaemonState, OutputLimits, Probe, Reload,
    Scheduling, Style, Supervisor,
};
use conpaas::sys::process::ProcessId;
use conpaas::task::Tasks;

use self::world::{
    DIRECTORY, LIMIT, PORT, World, apply, daemon, exists, file, free_port, get, is_root, kill, nginx, pid,
    processes_with, shell, supervisor, wait_for, wait_for_answer,
};

#[tokio::test]
async fn nginx_serves_its_old_configuration_until_a_good_new_one_is_there() {
    let (world, port) = (World::new(), free_port());
    let supervisor = world.supervisor();
    let first = nginx(world.path(), port, "one");
    assert_eq!(apply(&supervisor, &first).await.unwrap(), Change::Started);
    assert_eq!(get(port).unwrap(), "one");
    assert_eq!(apply(&supervisor, &first).await.unwrap(), Change::Nothing);
    let main = pid(&supervisor);

    let mut broken = nginx(world.path(), port, "two");
    broken.configuration[1].content.push_str("no_such_directive on;\n");
    let error = apply(&supervisor, &broken).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error.to_string(), "'nginx' does not accept its new configuration");
    assert!(source.contains("unknown directive \"no_such_directive\""), "{source}");
    assert_eq!((get(port).unwrap().as_str(), pid(&supervisor)), ("one", main));

    assert_eq!(apply(&supervisor, &nginx(world.path(), port, "two")).await.unwrap(), Change::Reloaded);
    wait_for_answer(port, "two").await;
    assert_eq!(pid(&supervisor), main);

    let mut other = nginx(world.path(), port, "two");
    other.launch.arguments.extend(["-g".to_owned(), "worker_rlimit_nofile 300;".to_owned()]);
    assert_eq!(apply(&supervisor, &other).await.unwrap(), Change::Restarted);
    assert_ne!(pid(&supervisor), main);
    assert_eq!(get(port).unwrap(), "two");

    let outcomes = supervisor.apply(Vec::new()).await;
    assert_eq!(*outcomes[0].change.as_ref().unwrap(), Change::Stopped);
    assert!(get(port).is_err());
    assert_eq!(supervisor.status(), []);
    assert!(!world.path().join("daemons/nginx").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_nginx_reads_its_configuration() {
    let (world, port) = (World::new(), free_port());
    let supervisor = world.supervisor();
    apply(&supervisor, &nginx(world.path(), port, "0")).await.unwrap();
    let (answered, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failures = std::thread::scope(|scope| {
        let client = || {
            let mut failures = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                match get(port) {
                    Ok(_) => drop(answered.fetch_add(1, Ordering::SeqCst)),
                    Err(error) => failures.push(error.to_string()),
                }
            }
            failures
        };
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(client)).collect();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for number in 1..=5 {
                    let before = answered.load(Ordering::SeqCst);
                    let wanted = nginx(world.path(), port, &number.to_string());
                    assert_eq!(apply(&supervisor, &wanted).await.unwrap(), Change::Reloaded);
                    wait_for_answer(port, &number.to_string()).await;
                    while answered.load(Ordering::SeqCst) < before + 100 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        });
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<String>>()
    });
    assert_eq!(failures, [] as [String; 0], "of {} requests", answered.load(Ordering::SeqCst));
    supervisor.stop_all(LIMIT).await;
}

#[tokio::test]
async fn a_killed_nginx_is_started_again_and_its_workers_are_not_in_the_way() {
    let (world, port) = (World::new(), free_port());
    let supervisor = world.supervisor();
    let wanted = nginx(world.path(), port, "one");
    apply(&supervisor, &wanted).await.unwrap();
    let first = pid(&supervisor);
    kill(first);
    let again = supervisor.status_when(&wanted.name, |status| {
        status.state == DaemonState::Ready && status.process.is_some_and(|process| process != first)
    });
    let status = tokio::time::timeout(LIMIT, again).await.unwrap().unwrap();
    assert_eq!(status.n_failures, 1);
    assert_eq!(get(port).unwrap(), "one");
    supervisor.stop_all(LIMIT).await;
    assert_eq!(supervisor.status()[0].state, DaemonState::Stopped);
    assert!(get(port).is_err());
}

/// php-fpm, as the account that it has in a node.
fn php_fpm(place: &Path, children: u32) -> Daemon {
    let program = std::fs::read_dir("/usr/sbin").unwrap().flatten().map(|entry| entry.path());
    let program = program.filter(|path| path.display().to_string().contains("/php-fpm")).max().unwrap();
    let socket = place.join("fpm/socket");
    let configuration = format!(
        "[global]\ndaemonize = no\nerror_log = /dev/stderr\nprocess_control_timeout = 10s\n\
         [app]\nlisten = {}\npm = static\npm.max_children = {children}\ncatch_workers_output = yes\n",
        socket.display()
    );
    let arguments = ["-F", "-y", "{configuration}/fpm.conf"];
    let mut fpm = daemon("php-fpm", program.to_str().unwrap(), &arguments, Probe::UnixSocket(socket));
    fpm.launch.user = is_root().then(|| "www-data".to_owned());
    fpm.launch.scheduling = Scheduling::Batch;
    fpm.configuration = vec![file("fpm.conf", configuration)];
    let check = ["-t", "-y", "{configuration}/fpm.conf"].map(str::to_owned).to_vec();
    fpm.check = Some(CommandLine { program, arguments: check, limit: LIMIT });
    fpm.reload = Reload::Signal(DaemonSignal::Usr2);
    fpm.stop.signal = DaemonSignal::Quit;
    fpm
}

/// The 41st field of `/proc/PID/stat`.
fn scheduling_policy(pid: i32) -> i32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = text.rsplit_once(") ").unwrap().1;
    after_name.split(' ').nth(41 - 3).unwrap().parse().unwrap()
}

#[tokio::test]
async fn php_fpm_runs_as_its_account_and_takes_only_what_it_understands() {
    let world = World::new();
    std::fs::create_dir(world.path().join("fpm")).unwrap();
    std::fs::set_permissions(world.path().join("fpm"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let supervisor = world.supervisor();
    assert_eq!(apply(&supervisor, &php_fpm(world.path(), 1)).await.unwrap(), Change::Started);
    let main = pid(&supervisor);
    if is_root() {
        let status = std::fs::read_to_string(format!("/proc/{main}/status")).unwrap();
        let uid = nix::unistd::User::from_name("www-data").unwrap().unwrap().uid;
        assert!(status.contains(&format!("Uid:\t{uid}\t{uid}\t")), "{status}");
    }
    assert_eq!(scheduling_policy(main), libc::SCHED_BATCH);
    let mut broken = php_fpm(world.path(), 1);
    broken.configuration[0].content.push_str("no_such_key = 1\n");
    let error = apply(&supervisor, &broken).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("unknown entry 'no_such_key'"), "{source}");
    assert_eq!(apply(&supervisor, &php_fpm(world.path(), 2)).await.unwrap(), Change::Reloaded);
    assert_eq!((pid(&supervisor), supervisor.status()[0].state), (main, DaemonState::Ready));
    // It opened /dev/stderr itself, as another account than the one that reads it.
    let stderr = world.path().join("daemons/php-fpm/stderr");
    assert!(std::fs::read_to_string(stderr).unwrap().contains("ready to handle connections"));
    supervisor.stop_all(LIMIT).await;
    assert_eq!(supervisor.status()[0].process, None);
}

/// The process that the next test kills; no test of its own.
#[test]
fn supervisor_process() {
    let (Ok(directory), Ok(port)) = (std::env::var(DIRECTORY), std::env::var(PORT)) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let supervisor = supervisor(Path::new(&directory), Tasks::new());
        let wanted = nginx(Path::new(&directory), port.parse().unwrap(), "one");
        apply(&supervisor, &wanted).await.unwrap();
        println!("\nsupervised {}", pid(&supervisor));
        std::future::pending::<()>().await;
    });
}

#[tokio::test]
async fn a_killed_supervisor_leaves_daemons_that_the_next_one_takes_over() {
    let (world, port) = (World::new(), free_port());
    // Names of tests do not begin with the binary's.
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::supervisor_process"), "--nocapture"])
        .env(DIRECTORY, world.path())
        .env(PORT, port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("supervised ")?.parse::<i32>().ok());
    // Only one at a time.
    let keeper = Path::new(env!("CARGO_BIN_EXE_conpaas"));
    let second = Supervisor::with_keeper(&world.path().join("daemons"), Tasks::new(), keeper);
    assert!(matches!(second, Err(DaemonError::Directory { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(get(port).unwrap(), "one");

    // The next one may want something else at once.
    let supervisor = world.supervisor();
    assert_eq!(apply(&supervisor, &nginx(world.path(), port, "zero")).await.unwrap(), Change::Reloaded);
    assert_eq!(Some(pid(&supervisor)), first);
    wait_for_answer(port, "zero").await;
    assert!(world.tasks.stop(LIMIT).await);
    drop(supervisor);

    let tasks = Tasks::new();
    let supervisor = world::supervisor(world.path(), tasks.clone());
    let outcomes = supervisor.resume().await;
    assert_eq!(*outcomes[0].change.as_ref().unwrap(), Change::TakenOver);
    assert_eq!(Some(pid(&supervisor)), first);
    // It is looked after as before: its output, its end, its configuration.
    let wanted = nginx(world.path(), port, "two");
    assert_eq!(apply(&supervisor, &wanted).await.unwrap(), Change::Reloaded);
    wait_for_answer(port, "two").await;
    kill(first.unwrap());
    let again = supervisor.status_when(&wanted.name, |status| {
        status.state == DaemonState::Ready && status.process != first && status.process.is_some()
    });
    tokio::time::timeout(LIMIT, again).await.unwrap().unwrap();
    // One that ended meanwhile is started, and one that is unwanted does not come back.
    supervisor.stop_all(LIMIT).await;
    assert!(tasks.stop(LIMIT).await);
    drop(supervisor);
    let next = supervisor_of(&world);
    assert_eq!(*next.resume().await[0].change.as_ref().unwrap(), Change::Started);
    assert_eq!(*next.apply(Vec::new()).await[0].change.as_ref().unwrap(), Change::Stopped);
    assert!(next.resume().await.is_empty());
}

fn supervisor_of(world: &World) -> Supervisor {
    supervisor(world.path(), Tasks::new())
}

#[tokio::test]
async fn a_program_that_is_never_ready_ends_in_an_error_with_its_words() {
    let world = World::new();
    let supervisor = world.supervisor();
    let mark = format!("sleep 71{}", free_port());
    let missing = world.path().join("never");
    let mut silent = shell("silent", &format!("echo I wait for godot >&2; {mark}; true"), exists(&missing));
    silent.readiness.limit = Duration::from_millis(300);
    silent.n_tries = 2;
    let error = apply(&supervisor, &silent).await.unwrap_err();
    assert!(matches!(error, DaemonError::NotReady { .. }), "{error}");
    assert!(error.to_string().ends_with("I wait for godot"), "{error}");
    wait_for(&supervisor, &silent, DaemonState::Failed).await;
    let status = supervisor.status().remove(0);
    assert_eq!((status.n_failures, status.process), (2, None));
    assert!(status.reason.unwrap().contains("godot"));
    assert_eq!(processes_with(&mark.replace(' ', "\0")), []);

    // Somebody asks again; now it ends by itself.
    let mut broken = shell("silent", "echo no such database; exit 3", exists(&missing));
    broken.n_tries = 1;
    let error = apply(&supervisor, &broken).await.unwrap_err().to_string();
    assert_eq!(error, "'silent' ended with code 3: no such database");
    let absent = daemon("silent", "/no/such/program", &[], exists(&missing));
    let error = apply(&supervisor, &absent).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot start 'silent': "), "{error}");
    assert!(error.contains("No such file"), "{error}");
    supervisor.apply(Vec::new()).await;
}

#[tokio::test]
async fn fifty_megabytes_of_output_stay_bounded_and_the_last_line_is_kept() {
    let world = World::new();
    let supervisor = world.supervisor();
    let done = world.path().join("done");
    // 50 MB in lines of 100 bytes.
    let line = "x".repeat(99);
    let script =
        format!("yes {line} | head -c 50000000; echo the last line; touch {}; exec sleep 1000", done.display());
    let mut flood = shell("flood", &script, exists(&done));
    flood.launch.output = OutputLimits { file_bytes: 1_000_000, n_files: 3, bytes_per_second: 1 << 30 };
    apply(&supervisor, &flood).await.unwrap();
    supervisor.stop_all(LIMIT).await;
    let directory = world.path().join("daemons/flood");
    let output: Vec<PathBuf> = ["stdout", "stdout.1", "stdout.2"].map(|name| directory.join(name)).to_vec();
    let sizes: Vec<u64> = output.iter().map(|path| path.metadata().unwrap().len()).collect();
    // A file holds 10 000 lines, so that the last one begins a new file.
    assert_eq!(sizes, [14, 1_000_000, 1_000_000]);
    assert!(!directory.join("stdout.3").exists());
    assert_eq!(std::fs::read_to_string(&output[0]).unwrap(), "the last line\n");
    assert!(std::fs::read_to_string(&output[1]).unwrap().lines().all(|found| found == line));
}

#[tokio::test]
async fn stopping_ends_the_whole_tree_of_a_program_that_goes_to_the_background() {
    let world = World::new();
    let supervisor = world.supervisor();
    let started = world.path().join("started");
    let mark = format!("sleep\x0072{}", free_port());
    let sleep = mark.replace('\0', " ");
    // A daemon in a session of its own, a worker that has left that too, and one that does not want to end.
    let stubborn = format!("trap '' TERM; {sleep}; {sleep}");
    let worker = format!("setsid {sleep} & setsid sh -c \"{stubborn}\" & touch {}; wait", started.display());
    let script = format!("setsid sh -c '{}' & exit 0", worker.replace('\'', "'\\''"));
    let mut wanted = shell("forks", &script, exists(&started));
    wanted.launch.style = Style::Background;
    wanted.stop.grace = Duration::from_millis(500);
    assert_eq!(apply(&supervisor, &wanted).await.unwrap(), Change::Started);
    let end = Instant::now() + LIMIT;
    while processes_with(&mark).len() < 2 {
        assert!(Instant::now() < end, "its workers never came");
        tokio::task::yield_now().await;
    }
    let main = pid(&supervisor);
    let outcomes = supervisor.stop_all(LIMIT).await;
    assert_eq!(*outcomes[0].change.as_ref().unwrap(), Change::Stopped);
    assert_eq!(processes_with(&mark), []);
    assert!(ProcessId::of(main).is_none());
    let name: DaemonName = "forks".parse().unwrap();
    assert_eq!(supervisor.status()[0].name, name);
}

#[tokio::test]
async fn a_program_that_lost_its_keeper_is_started_again() {
    let world = World::new();
    let supervisor = world.supervisor();
    let mark = format!("73{}", free_port());
    let wanted = daemon("sleeper", "/bin/sleep", &[&mark], exists(Path::new("/")));
    apply(&supervisor, &wanted).await.unwrap();
    let first = pid(&supervisor);
    let keepers = processes_with("supervise-program\0");
    let keeper = keepers.into_iter().find(|process| {
        let line = std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        line.contains(&mark)
    });
    kill(keeper.unwrap().pid);
    let again = supervisor.status_when(&wanted.name, |status| {
        status.state == DaemonState::Ready && status.process.is_some_and(|process| process != first)
    });
    tokio::time::timeout(LIMIT, again).await.unwrap().unwrap();
    assert!(ProcessId::of(first).is_none_or(|process| !process.is_alive()));
    supervisor.stop_all(LIMIT).await;
}

/// Waits until the daemon serves in another process than `first`, and returns that process.
async fn again(supervisor: &Supervisor, daemon: &Daemon, first: i32) -> i32 {
    let again = supervisor.status_when(&daemon.name, |status| {
        status.state == DaemonState::Ready && status.process.is_some_and(|process| process != first)
    });
    tokio::time::timeout(LIMIT, again).await.unwrap().unwrap().process.unwrap()
}

#[tokio::test]
async fn a_daemon_that_dies_again_and_again_is_given_up_unless_it_was_well_between() {
    let world = World::new();
    let supervisor = world.supervisor();
    let mut wanted = daemon("sleeper", "/bin/sleep", &["1000"], exists(Path::new("/")));
    wanted.n_tries = 2;
    wanted.pauses.well_after = Duration::ZERO;
    apply(&supervisor, &wanted).await.unwrap();
    let mut main = pid(&supervisor);
    for _ in 0..4 {
        kill(main);
        main = again(&supervisor, &wanted, main).await;
        assert_eq!(supervisor.status()[0].n_failures, 1);
    }
    wanted.pauses.well_after = Duration::from_secs(3600);
    assert_eq!(apply(&supervisor, &wanted).await.unwrap(), Change::Nothing);
    kill(main);
    main = again(&supervisor, &wanted, main).await;
    kill(main);
    wait_for(&supervisor, &wanted, DaemonState::Failed).await;
    let status = supervisor.status().remove(0);
    assert_eq!(status.reason.unwrap(), "'sleeper' was killed by SIGKILL: it said nothing");
    // Whoever asks again gets it.
    assert_eq!(apply(&supervisor, &wanted).await.unwrap(), Change::Started);
    assert_eq!(supervisor.status()[0].n_failures, 0);
    supervisor.stop_all(LIMIT).await;
}

#[tokio::test]
async fn each_daemon_has_an_outcome_of_its_own() {
    let world = World::new();
    let supervisor = world.supervisor();
    let good = daemon("good", "/bin/sleep", &["1000"], exists(Path::new("/")));
    let mut bad = daemon("bad", "/bin/sleep", &["1000"], exists(Path::new("/")));
    bad.configuration = vec![file("../outside", String::new())];
    let outcomes = supervisor.apply(vec![good.clone(), bad, good.clone()]).await;
    let [first, second, third] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!(*first.change.as_ref().unwrap(), Change::Started);
    assert!(matches!(second.change, Err(DaemonError::OutsidePath { .. })), "{second:?}");
    assert!(matches!(third.change, Err(DaemonError::Twice { .. })), "{third:?}");
    assert!(!world.path().join("daemons/outside").exists());
    let outcomes = supervisor.apply(vec![good.clone()]).await;
    let [gone, same] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((gone.name.as_str(), gone.change.as_ref().unwrap()), ("bad", &Change::Nothing));
    assert_eq!((same.name.as_str(), same.change.as_ref().unwrap()), ("good", &Change::Nothing));
    supervisor.stop_all(LIMIT).await;
}

#[tokio::test]
async fn what_was_not_wanted_any_more_when_a_supervisor_died_is_ended_by_the_next() {
    let world = World::new();
    let supervisor = world.supervisor();
    let wanted = daemon("sleeper", "/bin/sleep", &["1000"], exists(Path::new("/")));
    apply(&supervisor, &wanted).await.unwrap();
    let main = ProcessId::of(pid(&supervisor)).unwrap();
    assert!(world.tasks.stop(LIMIT).await);
    drop(supervisor);
    // The first step of forgetting it.
    let place = world.path().join("daemons/sleeper");
    std::fs::rename(place.join("wanted.json"), place.join("unwanted.json")).unwrap();
    assert!(main.is_alive());
    let next = supervisor_of(&world);
    assert_eq!(*next.resume().await[0].change.as_ref().unwrap(), Change::Stopped);
    assert!(!main.is_alive() && !place.exists());
}

#[tokio::test]
async fn a_reload_by_command_that_fails_is_told_and_tried_again() {
    let world = World::new();
    let supervisor = world.supervisor();
    let allowed = world.path().join("allowed");
    let read = format!("cp $C/a {}/read", world.path().display());
    let mut wanted = shell("reader", &format!("{read}; exec sleep 1000"), exists(&world.path().join("read")));
    wanted.launch.environment = vec![("C".to_owned(), "{configuration}".to_owned())];
    wanted.configuration = vec![file("a", "one".to_owned())];
    let script = format!("test -e {} || {{ echo not allowed; exit 1; }}; {read}", allowed.display());
    wanted.reload = Reload::Command(CommandLine {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script],
        limit: LIMIT,
    });
    assert_eq!(apply(&supervisor, &wanted).await.unwrap(), Change::Started);
    let main = pid(&supervisor);
    wanted.configuration = vec![file("a", "two".to_owned())];
    let error = apply(&supervisor, &wanted).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().ends_with("not allowed"), "{error:?}");
    let content = || std::fs::read_to_string(world.path().join("read")).unwrap();
    assert_eq!((content().as_str(), supervisor.status()[0].state), ("one", DaemonState::Ready));
    std::fs::write(&allowed, "").unwrap();
    assert_eq!(apply(&supervisor, &wanted).await.unwrap(), Change::Reloaded);
    assert_eq!((content().as_str(), pid(&supervisor)), ("two", main));
    supervisor.stop_all(LIMIT).await;
}
