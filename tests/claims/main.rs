//! What a report claims of tasks: that they can never run again, or that they are likely to be in a deadlock. Whoever could
//! still help them keeps both from being said.

mod locks;
mod wakers;

fn runtimes() -> [tokio::runtime::Runtime; 2] {
    let build = |mut builder: tokio::runtime::Builder| {
        let builder = builder.worker_threads(1).enable_all();
        builder.build().unwrap()
    };
    [
        build(tokio::runtime::Builder::new_current_thread()),
        build(tokio::runtime::Builder::new_multi_thread()),
    ]
}
