//! The page under somebody's hands: sorted, filtered, expanded by clicks, and updated while it is
//! looked at.

mod browser;
mod tools;

use browser::Browser;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::future::{Future, pending};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use taskleak::export::http;
use taskleak::task::{Builder, JoinSet};

/// All tests see the tasks of all: one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn run(test: impl AsyncFnOnce(&Browser)) {
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let server = http::serve(0).unwrap();
    // Its workers run tasks while the test waits for the browser.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    if let Some(browser) = Browser::open(&format!("http://{}/debug/tasks", server.address())) {
        runtime.block_on(test(&browser));
    }
    drop(runtime);
    drop(turn);
}

/// The texts of the rows of the page's table, without what they are expanded to.
const ROWS: &str = "return Array.from(document.querySelectorAll('#content > table > tbody > tr.row'))\
    .map(row => Array.from(row.cells).map(cell => cell.textContent))";

/// The rows of these names.
fn rows_of(page: &Browser, names: &[&str]) -> Vec<Vec<String>> {
    let rows = page.run(ROWS);
    let rows: Vec<Vec<String>> = serde_json::from_value(rows).unwrap();
    let is_ours = |row: &Vec<String>| names.contains(&row[0].as_str());
    rows.into_iter().filter(is_ours).collect()
}

fn wait_for_rows(page: &Browser, names: &[&str]) {
    page.until(ROWS, |rows| {
        let rows = rows.as_array().unwrap();
        names
            .iter()
            .all(|name| rows.iter().any(|row| row[0] == *name))
    });
}

fn header(column: &str) -> String {
    format!("//section[@id='content']/table/thead/tr/th[button/text()='{column}']")
}

/// Clicks on a column's head and waits until the page says that it is sorted so.
fn sort(page: &Browser, column: &str, order: &str) {
    page.click(&format!("{}/button", header(column)));
    let script = format!(
        "return document.evaluate(\"{}\", document, null, 9, null).singleNodeValue.ariaSort",
        header(column)
    );
    page.until(&script, |sorted| *sorted == json!(order));
}

/// The button that shows the tasks of a name.
fn name(name: &str) -> String {
    format!("//section[@id='content']/table/tbody/tr/th/button[text()='{name}']")
}

const ASK: &str = "//button[@id='trace']";

/// Waits until the page was brought up to date twice: once may have been under way.
fn wait_for_updates(page: &Browser) {
    let asked = page.run("return asked").as_u64().unwrap();
    page.until("return asked", |now| now.as_u64().unwrap() >= asked + 3);
}

fn select(page: &Browser, view: &str) {
    page.click(&format!("//select[@id='view']/option[@value='{view}']"));
}

/// So many of one name that live, then such that finished, panicked and were aborted; `over` of the
/// live ones are over their time box.
async fn come_and_go(name: &'static str, counts: [usize; 4], over: usize, live: &mut JoinSet<()>) {
    let [alive, finished, panicked, aborted] = counts;
    let named = || Builder::new().name(name);
    for number in 0..alive {
        let mut task = named();
        if number < over {
            task = task.timebox(Duration::from_millis(1));
        }
        task.spawn_into(live, pending::<()>());
    }
    for _ in 0..finished {
        named().spawn(async {}).await.unwrap();
    }
    for _ in 0..panicked {
        let task = named().spawn(async { panic!("planned") });
        task.await.unwrap_err();
    }
    for _ in 0..aborted {
        let task = named().spawn(pending::<()>());
        task.abort();
        task.await.unwrap_err();
    }
    // So that ages differ by more than a tick of the clock.
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// A column sorts as it is asked to, `first` one way and then the other.
#[track_caller]
fn assert_sorted(page: &Browser, column: &str, first: &str, ascending: [&str; 3]) {
    let second = match first {
        "ascending" => "descending",
        _ => "ascending",
    };
    for order in [first, second] {
        sort(page, column, order);
        let names: Vec<_> = rows_of(page, &ascending)
            .into_iter()
            .map(|mut row| row.swap_remove(0))
            .collect();
        let mut expected = ascending.to_vec();
        if order == "descending" {
            expected.reverse();
        }
        assert_eq!(names, expected, "{column}, {order}");
    }
}

#[test]
fn names_are_sorted_by_each_column() {
    const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];
    run(async |page| {
        let mut live = JoinSet::new();
        come_and_go("alpha", [3, 1, 0, 2], 0, &mut live).await;
        come_and_go("beta", [1, 3, 1, 0], 1, &mut live).await;
        come_and_go("gamma", [2, 2, 2, 1], 2, &mut live).await;
        wait_for_rows(page, &NAMES);
        let over_time = "return shown.names.filter(name => name.counts.over_time).length";
        page.until(over_time, |names| *names == json!(2));
        // Names first come in alphabetical order, numbers by the largest.
        for (column, first, ascending) in [
            ("name", "ascending", ["alpha", "beta", "gamma"]),
            ("oldest", "descending", ["gamma", "beta", "alpha"]),
            ("started", "descending", ["beta", "alpha", "gamma"]),
            ("finished", "descending", ["alpha", "gamma", "beta"]),
            ("panicked", "descending", ["alpha", "beta", "gamma"]),
            ("aborted", "descending", ["beta", "gamma", "alpha"]),
            ("over time", "descending", ["alpha", "beta", "gamma"]),
            ("live", "descending", ["beta", "gamma", "alpha"]),
        ] {
            assert_sorted(page, column, first, ascending);
        }
    });
}

#[test]
fn tasks_are_sorted_by_each_column() {
    const NAMES: [&str; 3] = ["first", "second", "third"];
    run(async |page| {
        let mut live = JoinSet::new();
        for (number, name) in NAMES.into_iter().enumerate() {
            let polls = [5, 1, 3][number];
            let task = Builder::new().name(name).data("shard", [2, 3, 1][number]);
            let wait = async move {
                for _ in 1..polls {
                    tokio::task::yield_now().await;
                }
                pending::<()>().await
            };
            // Each at a line of its own.
            match number {
                0 => task.spawn_into(&mut live, wait),
                1 => task.spawn_into(&mut live, wait),
                _ => task.spawn_into(&mut live, wait),
            };
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        select(page, "tasks");
        wait_for_rows(page, &NAMES);
        page.until(ROWS, |rows| {
            let polls = |row: &Value| row[0] == "first" && row[4] == "5";
            rows.as_array().unwrap().iter().any(polls)
        });
        for (column, first, ascending) in [
            ("name", "ascending", ["first", "second", "third"]),
            ("polls", "descending", ["second", "third", "first"]),
            ("spawned at", "ascending", ["first", "second", "third"]),
            ("data", "ascending", ["third", "first", "second"]),
            ("age", "descending", ["third", "second", "first"]),
        ] {
            assert_sorted(page, column, first, ascending);
        }
        // Ids are given in no order; the states, and how many have the name, are the same for all of these.
        for (order, is_descending) in [("descending", true), ("ascending", false)] {
            sort(page, "id", order);
            let ids: Vec<f64> = rows_of(page, &NAMES)
                .iter()
                .map(|row| row[1].parse().unwrap())
                .collect();
            assert!(
                ids.is_sorted_by(|one, other| (one < other) != is_descending),
                "{ids:?}"
            );
        }
        for order in ["ascending", "descending"] {
            sort(page, "state", order);
            assert_eq!(rows_of(page, &NAMES).len(), 3);
        }
        for order in ["descending", "ascending"] {
            sort(page, "of its name", order);
            let rows = rows_of(page, &NAMES);
            assert!(rows.iter().all(|row| row[5] == "1"), "{rows:?}");
        }
    });
}

#[test]
fn what_is_typed_filters() {
    run(async |page| {
        let mut live = JoinSet::new();
        for (name, tenant) in [
            ("import", "north"),
            ("import", "south"),
            ("export", "north"),
        ] {
            Builder::new()
                .name(name)
                .data("tenant", tenant)
                .spawn_into(&mut live, pending::<()>());
        }
        let names = |expected: Value| {
            let names = format!("{ROWS}.map(row => row[0]).sort()");
            page.until(&names, |names| *names == expected);
        };
        wait_for_rows(page, &["import", "export"]);
        let filter = "//input[@id='q']";
        page.write(filter, "imp");
        names(json!(["import"]));
        // Of data, too.
        page.write(filter, "south");
        names(json!(["import"]));
        select(page, "tasks");
        page.write(filter, "north");
        names(json!(["export", "import"]));
        page.write(filter, "no such task");
        names(json!([]));
        // What is shown stands in the address: who opens it again sees the same.
        page.write(filter, "south");
        names(json!(["import"]));
        page.run("location.reload()");
        page.until("return typeof shown == 'object' && !!shown", |is_there| {
            *is_there == json!(true)
        });
        names(json!(["import"]));
        page.write(filter, "");
        wait_for_rows(page, &["import", "export"]);
    });
}

#[test]
fn names_expand_to_tasks_and_tasks_to_what_is_known() {
    run(async |page| {
        let mut live = JoinSet::new();
        for number in [7, 8] {
            Builder::new()
                .name("many")
                .data("number", number)
                .spawn_into(&mut live, pending::<()>());
        }
        page.click(&name("many"));
        let inner = "return Array.from(document.querySelectorAll('tr.details table tr.row'))\
                     .map(row => row.cells[7].textContent).sort()";
        page.until(inner, |data| *data == json!(["number=7", "number=8"]));
        page.click("//tr[@class='details']//tr[contains(@class, 'row')][td[text()='number=8']]");
        let details = "return Array.from(document.querySelectorAll('tr.details dl')).map(list => list.innerText)";
        let shown = page.until(details, |lists| lists.as_array().unwrap().len() == 1);
        let text = shown[0].as_str().unwrap();
        assert!(text.contains("data number\n8"), "{text}");
        assert!(text.contains("fingerprint"), "{text}");
        // It stays open while the page is updated.
        wait_for_updates(page);
        page.until(details, |lists| lists.as_array().unwrap().len() == 1);
        page.click(&name("many"));
        page.until(inner, |data| *data == json!([]));
    });
}

async fn serve() {
    let task = Builder::new().name("backend").spawn(async {
        let none = tokio::sync::Semaphore::new(0);
        drop(none.acquire().await);
    });
    let _ = task.await;
}

#[test]
fn a_task_expands_to_its_tree_and_what_it_waits_for() {
    run(async |page| {
        let mut live = JoinSet::new();
        Builder::new()
            .name("frontend")
            .spawn_into(&mut live, serve());
        wait_for_rows(page, &["frontend", "backend"]);
        select(page, "tree");
        let roots = "return Array.from(document.querySelectorAll('#content > details > summary'))\
                     .map(one => one.innerText.split(' ')[0])";
        let titles = page.until(roots, |roots| {
            roots.as_array().unwrap().contains(&json!("frontend"))
        });
        assert!(
            !titles.as_array().unwrap().contains(&json!("backend")),
            "{titles}"
        );
        let parent =
            "//section[@id='content']/details/summary[span[starts-with(text(), 'frontend')]]";
        page.click(parent);
        let child = "//details/details/summary[span[starts-with(text(), 'backend')]]";
        page.click(child);
        page.click(ASK);
        let text = "return document.getElementById('content').innerText";
        let is_traced = |text: &Value| {
            let text = text.as_str().unwrap();
            text.contains("waits in") && text.contains("Semaphore::acquire")
        };
        let shown = page.until(text, is_traced);
        let shown = shown.as_str().unwrap();
        assert!(shown.contains("tasks above"), "{shown}");
        assert!(shown.contains("export_page_clicks.rs"), "{shown}");
        // Closed, it shows its name only.
        page.click(parent);
        page.until(text, |text| !text.as_str().unwrap().contains("waits in"));
    });
}

#[test]
fn the_page_follows_what_happens_until_it_is_told_not_to() {
    run(async |page| {
        let mut live = JoinSet::new();
        let mut spawn = |count: usize| {
            for _ in 0..count {
                Builder::new()
                    .name("coming")
                    .spawn_into(&mut live, pending::<()>());
            }
        };
        let count = format!("{ROWS}.filter(row => row[0] == 'coming').map(row => row[1])");
        spawn(2);
        page.until(&count, |count| *count == json!(["2"]));
        spawn(3);
        page.until(&count, |count| *count == json!(["5"]));
        page.click("//input[@id='running']");
        let asked = page.run("return asked");
        spawn(1);
        // It asks every two seconds, were it not told otherwise.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(page.run("return asked"), asked);
        page.until(&count, |count| *count == json!(["5"]));
        page.click("//input[@id='running']");
        page.until(&count, |count| *count == json!(["6"]));
    });
}

/// The service lists so many; what is opened, sorted or filtered is so of all.
#[test]
fn nothing_is_lost_among_more_tasks_than_are_listed() {
    run(async |page| {
        let mut live = JoinSet::new();
        for (name, shard, count) in [
            ("old", "first", 1),
            ("old", "middle", 1088),
            ("old", "last", 11),
            ("leaking", "of-many", 30),
        ] {
            for _ in 0..count {
                Builder::new()
                    .name(name)
                    .data("shard", shard)
                    .spawn_into(&mut live, pending::<()>());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        wait_for_rows(page, &["old", "leaking"]);
        let notes =
            "return Array.from(document.querySelectorAll('.part')).map(one => one.innerText)";
        assert_eq!(page.run(notes), json!([]));
        // Opened, a name shows its own tasks, however many are older.
        page.click(&name("leaking"));
        let inner = "return document.querySelectorAll('tr.details table tr.row').length";
        page.until(inner, |count| *count == json!(30));
        page.click(&name("leaking"));
        page.until(inner, |count| *count == json!(0));
        page.click(&name("old"));
        let listed = "1000 of 1100 tasks of this name are listed, sorted by “age”, the highest first. \
                      Filter or sort to see others.";
        page.until(notes, |notes| *notes == json!([listed]));
        page.until(inner, |count| *count == json!(1000));
        // The last ones, by what no listed task had.
        let first = "return document.querySelector('tr.details table tr.row').cells[7].textContent";
        assert_eq!(page.run(first), json!("shard=first"));
        page.click("//tr[@class='details']//thead//button[text()='age']");
        page.until(first, |data| *data == json!("shard=last"));
        page.click("//tr[@class='details']//thead//button[text()='age']");
        page.until(first, |data| *data == json!("shard=first"));
        page.write("//input[@id='q']", "OF-MANY");
        page.until(&format!("{ROWS}.map(row => row[0])"), |names| {
            *names == json!(["leaking"])
        });
        page.write("//input[@id='q']", "last");
        let matching = "11 of 1100 tasks of this name match the filter.";
        page.until(notes, |notes| *notes == json!([matching]));
        page.until(inner, |count| *count == json!(11));
        page.write("//input[@id='q']", "");
        select(page, "tasks");
        let listed = "1000 of 1130 tasks are listed, sorted by “age”, the highest first. \
                      Filter or sort to see others.";
        page.until(notes, |notes| *notes == json!([listed]));
        let first = format!("{ROWS}[0][0]");
        assert_eq!(page.run(&first), json!("old"));
        sort(page, "age", "descending");
        sort(page, "name", "ascending");
        assert_eq!(page.run(&first), json!("leaking"));
        sort(page, "age", "descending");
        sort(page, "age", "ascending");
        assert_eq!(page.run(&first), json!("leaking"));
        select(page, "tree");
        page.until(notes, |notes| {
            notes[0]
                .as_str()
                .is_some_and(|note| note.ends_with("Branches may be missing."))
        });
    });
}

#[test]
fn names_are_sorted_and_expanded_by_keys_and_the_focus_stays() {
    const ENTER: &str = "\u{E007}";
    const SPACE: &str = " ";
    run(async |page| {
        let mut live = JoinSet::new();
        let mut spawn = |name: &'static str| {
            Builder::new()
                .name(name)
                .spawn_into(&mut live, pending::<()>())
        };
        spawn("one");
        let other = spawn("other");
        spawn("other");
        wait_for_rows(page, &["one", "other"]);
        let head = header("name");
        page.press(&format!("{head}/button"), ENTER);
        let sorted = format!(
            "return document.evaluate(\"{head}\", document, null, 9, null).singleNodeValue.ariaSort"
        );
        page.until(&sorted, |sorted| *sorted == json!("ascending"));
        page.press(&format!("{head}/button"), SPACE);
        page.until(&sorted, |sorted| *sorted == json!("descending"));
        page.press(&name("one"), ENTER);
        let expanded = "return Array.from(document.querySelectorAll('[aria-expanded=true]')).map(one => one.innerText)";
        page.until(expanded, |names| *names == json!(["one"]));
        // The same element has the focus while others come, go and change places.
        page.run("document.activeElement.isOurs = true");
        let focused = "return [document.activeElement.innerText, !!document.activeElement.isOurs]";
        spawn("another");
        spawn("zebra");
        other.abort();
        sort_by_address(page, "live");
        wait_for_rows(page, &["one", "other", "another", "zebra"]);
        wait_for_updates(page);
        assert_eq!(page.run(focused), json!(["one", true]));
        page.run("document.activeElement.click()");
        page.until(expanded, |names| *names == json!([]));
        // The focused row goes: its neighbour has the focus, not the whole document.
        page.run("at('q').value = 'zebra'; at('q').oninput()");
        page.until(focused, |focused| *focused == json!(["zebra", false]));
    });
}

/// As somebody who follows a link to the same page, sorted otherwise.
fn sort_by_address(page: &Browser, order: &str) {
    page.run(&format!(
        "const address = new URLSearchParams(location.hash.slice(1)); address.set('sort', '{order}'); location.hash = address"
    ));
}

#[test]
fn what_is_selected_stays_so_and_the_address_is_written_only_when_it_changes() {
    run(async |page| {
        let mut live = JoinSet::new();
        let mut spawn = |name: &'static str| {
            Builder::new()
                .name(name)
                .spawn_into(&mut live, pending::<()>());
        };
        spawn("first");
        wait_for_rows(page, &["first"]);
        page.run(
            "window.written = 0;\
             const real = history.replaceState.bind(history);\
             history.replaceState = (...all) => { written++; real(...all); };\
             const cells = document.querySelector(`tr[data-key='name first']`).cells;\
             getSelection().setBaseAndExtent(cells[0], 0, cells[3], 1);",
        );
        let selected = page.run("return getSelection().toString()");
        assert!(
            selected.as_str().unwrap().starts_with("first"),
            "{selected}"
        );
        spawn("second");
        wait_for_updates(page);
        assert_eq!(page.run("return getSelection().toString()"), selected);
        let note = page.run("return at('note').innerText");
        assert_eq!(note, json!("Not updated while text is selected."));
        page.run("getSelection().removeAllRanges()");
        wait_for_rows(page, &["first", "second"]);
        page.until("return at('note').innerText", |note| *note == json!(""));
        wait_for_updates(page);
        assert_eq!(page.run("return written"), json!(0));
        select(page, "tree");
        page.click("//section[@id='content']/details/summary[span[starts-with(text(), 'first')]]");
        page.until("return written", |written| *written == json!(2));
        wait_for_updates(page);
        assert_eq!(page.run("return written"), json!(2));
    });
}

/// To be asked is a spurious wake: one for each click, however long the page is looked at.
#[test]
fn tasks_are_asked_once_for_each_click() {
    run(async |page| {
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        let _live = Builder::new().name("asked").spawn(async move {
            let none = tokio::sync::Semaphore::new(0);
            let mut wait = Box::pin(none.acquire());
            std::future::poll_fn(|cx| {
                counted.fetch_add(1, Relaxed);
                wait.as_mut().poll(cx).map(drop)
            })
            .await;
        });
        wait_for_rows(page, &["asked"]);
        page.click(ASK);
        let note = "return at('note').innerText";
        page.until(note, |note| {
            *note == json!("Open a name first: its tasks are asked then.")
        });
        page.click(&name("asked"));
        page.until(note, |note| *note == json!(""));
        page.click("//tr[@class='details']//tr[@class='row']/td[text()='pending']");
        assert_eq!(polls.load(Relaxed), 1);
        let text = "return document.getElementById('content').innerText";
        for clicks in 1..=2 {
            page.click(ASK);
            page.until("return asking", |asking| *asking == json!(""));
            page.until(text, |text| {
                let text = text.as_str().unwrap();
                text.contains("waits in, asked at ") && text.contains("Semaphore::acquire")
            });
            wait_for_updates(page);
            assert_eq!(polls.load(Relaxed), 1 + clicks);
        }
        let shown = page.run(text);
        assert!(
            shown.as_str().unwrap().contains("Semaphore::acquire"),
            "{shown}"
        );
    });
}

/// The ratio that the Web Content Accessibility Guidelines ask of text (AA).
#[test]
fn all_text_can_be_read_in_light_and_in_dark() {
    const CONTRASTS: &str = "
        const rgb = text => text.match(/[\\d.]+/g).map(Number);
        const probe = document.body.appendChild(document.createElement('p'));
        const computed = colour => {
            probe.style.color = colour;
            return rgb(getComputedStyle(probe).color);
        };
        const light = colour => colour.slice(0, 3)
            .map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
            .reduce((sum, part, n) => sum + part * [0.2126, 0.7152, 0.0722][n], 0);
        const canvas = computed('Canvas'), shade = computed('var(--shade)');
        const shaded = canvas.slice(0, 3).map((part, n) => part + (shade[n] - part) * shade[3]);
        const twice = shaded.map((part, n) => part + (shade[n] - part) * shade[3]);
        const contrasts = [canvas, shaded, twice].flatMap(below => ['--dim', '--hot'].map(name => {
            const [one, other] = [light(computed(`var(${name})`)), light(below)];
            return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        }));
        probe.remove();
        return [light(canvas) > 0.5 ? 'light' : 'dark', Math.min(...contrasts)];";
    run(async |page| {
        for scheme in ["light", "dark"] {
            page.prefer(scheme);
            let found = page.run(CONTRASTS);
            assert_eq!(found[0], scheme);
            assert!(found[1].as_f64().unwrap() >= 4.5, "{scheme}: {found}");
        }
        let landmarks = "return ['main', 'nav', 'h1', '[role=status]', '[lang]'].map(one => document.querySelectorAll(one).length)";
        assert_eq!(page.run(landmarks), json!([1, 1, 1, 1, 1]));
    });
}

/// The page asks every two seconds; none of these answers comes as soon.
#[test]
fn answers_that_take_longer_than_the_page_waits_are_shown() {
    run(async |page| {
        page.run(
            "const real = window.fetch;\
             window.fetch = (...request) => real(...request)\
                 .then(answer => new Promise(done => setTimeout(done, 3000, answer)));",
        );
        let _live = Builder::new().name("told late").spawn(pending::<()>());
        wait_for_rows(page, &["told late"]);
    });
}
