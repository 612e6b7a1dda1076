//! The stop button while a cell of the real evaluator runs: what stops, where, and what is still there.
//!
//! Each cell says by a printed line or a question that it is where it shall be stopped. That each of the
//! prelude's safe points stops by itself is tested in `prelude/tests/child_interface.rs`; interrupted
//! compilations are in `cells_interrupted.rs`.

use crate::cells::{alone, shown};
use crate::client::{Client, Transcript};
use jupyter_protocol::{ExecuteRequest, InterruptRequest};

/// Runs a cell until it has printed this line, presses the button, and returns what came of it.
#[track_caller]
fn stopped_after(client: &mut Client, code: &str, printed: &str) -> Transcript {
    let cell = client.send_shell(ExecuteRequest::new(code.into()));
    let mut messages = client.iopub_until(&cell, |line| {
        assert_ne!(line, "idle", "{code} ended before it was stopped");
        line.starts_with("stdout") && line.contains(printed)
    });
    let reply = client.control_request(InterruptRequest {});
    assert_eq!(reply.reply["status"], "ok");
    let mut transcript = client.transcript(&cell);
    messages.append(&mut transcript.messages);
    transcript.iopub = messages.iter().map(crate::client::line).collect();
    transcript.messages = messages;
    transcript
}

#[track_caller]
fn check_value(client: &mut Client, code: &str, value: &str) {
    let transcript = client.run(code);
    let result = format!("\"text/plain\":\"{value}\"");
    assert!(
        shown(&transcript).iter().any(|line| line.contains(&result)),
        "{code} should be {value}: {transcript:?}"
    );
}

const MODEL: &str = "\
let kept = 41;
let x = Tensor::rand([64, 4], (Kind::Float, Device::Cpu));
let y = x.argmax(1, false);
let mut cnn = Sequential::new([Input::new(4).into(), Dense::new(4).activation(\"softmax\").into()])?;
cnn.compile(\"sparse_categorical_crossentropy\", \"adam\", [\"acc\"])?;";

#[test]
fn a_stopped_fit_keeps_model_and_history_and_goes_on() {
    let _alone = alone();
    let mut client = Client::real();
    assert_eq!(client.run(MODEL).reply["status"], "ok");
    let endless = "let tell = LambdaCallback::new()
        .on_epoch_end(|epoch, _, _| println!(\"epoch {epoch} is over\"));
    cnn.fit(&x, &y).batch_size(8).epochs(100_000_000).verbose(0).callback(tell).run()?;";
    let fit = client.send_shell(ExecuteRequest::new(endless.into()));
    let queued = client.send_shell(ExecuteRequest::new("println!(\"never\");".into()));
    let also_queued = client.send_shell(ExecuteRequest::new("kept + 1".into()));
    client.iopub_until(&fit, |line| line.contains("epoch 3 is over"));
    client.control_request(InterruptRequest {});
    let stopped = client.transcript(&fit);
    assert_eq!(stopped.reply["ename"], "Interrupted", "{stopped:?}");
    let evalue = stopped.reply["evalue"].as_str().unwrap();
    let numbers = evalue
        .strip_prefix("fit: interrupted in epoch ")
        .and_then(|rest| rest.split_once(" of 100000000 "));
    let (epoch, rest) = numbers.unwrap_or_else(|| panic!("no epoch in {evalue}"));
    assert!(
        rest.starts_with("after batch ") && rest.contains(" of 8: the model keeps"),
        "no batch in {evalue}"
    );
    let finished = epoch.parse::<usize>().unwrap() - 1;
    assert!(finished >= 3, "{evalue}");
    for id in [queued, also_queued] {
        let aborted = client.transcript(&id);
        assert_eq!(aborted.reply["status"], "aborted", "{aborted:?}");
        assert!(
            !aborted.iopub.iter().any(|line| line.contains("never")),
            "{aborted:?}"
        );
    }

    check_value(&mut client, "kept + 1", "42");
    check_value(
        &mut client,
        "cnn.history().epochs().len()",
        &finished.to_string(),
    );
    let next = finished + 1;
    let go_on = format!(
        "cnn.fit(&x, &y).batch_size(8).initial_epoch({finished}).epochs({next}).verbose(0).run()?;
         cnn.history().epochs().last().copied().unwrap_or(0)"
    );
    check_value(&mut client, &go_on, &next.to_string());
    check_value(
        &mut client,
        "cnn.history().epochs().len()",
        &next.to_string(),
    );
    assert!(client.shut_down().success());
}

#[test]
fn predictions_bars_and_loops_of_ones_own_stop_with_their_variables() {
    let _alone = alone();
    let mut client = Client::real();
    assert_eq!(client.run(MODEL).reply["status"], "ok");
    client.run("let mut steps = 0;");
    let safe_points = [
        // Nothing but `predict` looks at the button in this loop: std's own macro does not.
        "loop { cnn.predict(&x)?; std::println!(\"on the way\"); }",
        "for _ in progress(0..1_000_000_000u64) { std::println!(\"on the way\"); }",
        "let weight = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);
         let mut sgd = SGD::new().learning_rate(0.1);
         loop {
             let loss = (&weight * &weight).sum(Kind::Float);
             let gradients = Tensor::run_backward(&[loss], &[&weight], false, false);
             sgd.apply(std::slice::from_ref(&weight), &gradients)?;
             std::println!(\"on the way\");
         }",
        "loop { cnn.train_on_batch(&x, &y)?; steps += 1; std::println!(\"on the way\"); }",
        "loop { for batch in Dataset::new(&x, &y)?.batch(8).epoch(0)? { batch?; std::println!(\"on the way\"); } }",
        "loop { std::println!(\"on the way\"); display(&Rich::text(\"shown\")); }",
    ];
    for code in safe_points {
        let stopped = stopped_after(&mut client, code, "on the way");
        assert_eq!(
            stopped.reply["ename"], "Interrupted",
            "{code}: {:?}",
            stopped.reply
        );
        check_value(&mut client, "kept", "41");
        check_value(&mut client, "cnn.predict(&x)?.size()[0]", "64");
    }
    check_value(&mut client, "steps > 0", "true");
    assert!(client.shut_down().success());
}

#[test]
fn what_a_cell_prints_is_a_safe_point() {
    let _alone = alone();
    let mut client = Client::real();
    assert_eq!(client.run(MODEL).reply["status"], "ok");
    let stopped = stopped_after(
        &mut client,
        "loop { println!(\"on the way\"); }",
        "on the way",
    );
    assert_eq!(stopped.reply["ename"], "Interrupted", "{stopped:?}");
    // The same at a known place.
    client
        .run("unsafe extern \"C\" { safe fn raise(signal: i32) -> i32; }\nfn stop() { raise(2); }");
    client.run("fn tell(n: i32) { println!(\"{n} told\"); }");
    for prints in [
        "println!(\"{kept}\")",
        "print!(\"x\")",
        "eprintln!()",
        "eprint!(\"{}\", 1)",
    ] {
        let stopped = client.run(&format!("stop();\n{prints};\nstd::println!(\"never\");"));
        // The kernel has not pressed the button, and does not call it `Interrupted`.
        assert_eq!(
            stopped.reply["evalue"], "interrupted",
            "{prints}: {stopped:?}"
        );
        let traceback = stopped.reply["traceback"].to_string();
        assert!(
            traceback.contains(&prints.replace('"', "\\\"")),
            "{prints}: {traceback}"
        );
        assert!(
            !shown(&stopped).iter().any(|line| line.contains("never")),
            "{stopped:?}"
        );
        check_value(&mut client, "kept", "41");
    }
    let told = client.run("stop();\ntell(1);");
    assert_eq!(told.reply["evalue"], "interrupted", "{told:?}");
    // It would end that thread alone.
    let elsewhere = "stop();
        std::thread::spawn(|| println!(\"in a thread\")).join().is_ok()";
    check_value(&mut client, elsewhere, "true");
    // It would end the process.
    client.run("struct Parting; impl Drop for Parting { fn drop(&mut self) { stop(); println!(\"parting\"); } }");
    let panicked = client.run("let _parting = Parting;\npanic!(\"on purpose\");");
    assert_eq!(panicked.reply["evalue"], "on purpose", "{panicked:?}");
    client.run("let replaced = Parting;");
    check_value(&mut client, "let replaced = 7;\nreplaced", "7");
    // `fit` has better ones.
    let fit =
        "let tell = LambdaCallback::new().on_epoch_end(|_, _, _| { stop(); println!(\"told\"); });
        cnn.fit(&x, &y).batch_size(32).epochs(3).verbose(0).callback(tell).run()?;";
    let stopped = client.run(fit);
    let evalue = stopped.reply["evalue"].as_str().unwrap();
    assert!(
        evalue.starts_with("fit: interrupted in epoch 2 of 3 after batch 0 of 2"),
        "{evalue}"
    );
    check_value(&mut client, "kept", "41");
    assert!(client.shut_down().success());
}

#[test]
fn a_stopped_question_is_no_answer_and_the_next_one_is_asked() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let kept = 41;");
    let asks = ExecuteRequest {
        allow_stdin: true,
        ..ExecuteRequest::new("let answer = input(\"How many?\")?;\nanswer".into())
    };
    let cell = client.send_shell(asks.clone());
    client.next_input_request();
    client.control_request(InterruptRequest {});
    let stopped = client.transcript(&cell);
    assert_eq!(stopped.reply["ename"], "Interrupted", "{stopped:?}");
    check_value(&mut client, "kept", "41");

    let cell = client.send_shell(asks);
    let asked = client.answer_input("five");
    assert_eq!(asked["prompt"], "How many?");
    let answered = client.transcript(&cell);
    assert!(
        shown(&answered)[0].contains("five"),
        "the next question: {answered:?}"
    );
    assert!(client.shut_down().success());
}

#[test]
fn a_cell_without_safe_points_is_told_and_ended_by_the_second_interrupt() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("fn twice(n: i32) -> i32 { 2 * n }\nlet lost = 1;");
    let cell = client.send_shell(ExecuteRequest::new(
        "println!(\"on the way\");\nloop { std::hint::spin_loop(); }".into(),
    ));
    client.iopub_until(&cell, |line| line.contains("on the way"));
    client.control_request(InterruptRequest {});
    client.iopub_until(&cell, |line| {
        line.starts_with("stderr") && line.contains("Interrupt again")
    });
    client.control_request(InterruptRequest {});
    let ended = client.transcript(&cell);
    assert_eq!(ended.reply["ename"], "Interrupted", "{ended:?}");
    let traceback = ended.reply["traceback"].to_string();
    assert!(traceback.contains("gone: lost"), "{traceback}");
    check_value(&mut client, "twice(21)", "42");
    assert!(client.shut_down().success());
}

#[test]
fn a_flood_is_cut_told_bounded_in_memory_and_stopped() {
    let _alone = alone();
    let mut client = Client::real_with(&[("TORCHBOOK_OUTPUT_LIMIT_MB", "1")]);
    client.run("let kept = 41;");
    let before = megabytes(client.process.id());
    let flood = "for n in 0u64.. { println!(\"{n:>1000}\"); if n % 1000 == 0 { interrupt::check()?; } \
                 if n == 100_000 { display(&Rich::text(\"100 MB\")); } }";
    let cell = client.send_shell(ExecuteRequest::new(flood.into()));
    let seen = client.iopub_until(&cell, |line| line.contains("100 MB"));
    let after = megabytes(client.process.id());
    client.control_request(InterruptRequest {});
    let stopped = client.transcript(&cell);
    assert_eq!(stopped.reply["ename"], "Interrupted", "{stopped:?}");

    let lines: Vec<String> = seen.iter().map(crate::client::line).collect();
    let text: usize = lines
        .iter()
        .filter(|line| line.starts_with("stdout"))
        .map(String::len)
        .sum();
    assert!(text < 2 << 20, "{text} bytes were shown");
    let notices = lines
        .iter()
        .filter(|line| line.contains("TORCHBOOK_OUTPUT_LIMIT_MB"))
        .count();
    assert_eq!(notices, 1);
    assert!(
        after < before + 50,
        "the kernel grew from {before} to {after} MB by 100 MB of text"
    );
    check_value(&mut client, "kept", "41");
    assert!(client.shut_down().success());
}

/// What a process holds in memory.
fn megabytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: u64 = held
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kilobytes / 1024
}
