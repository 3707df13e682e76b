//! One screen and several links: peers side by side, and a link that takes over from the one it replaces.

use callbox::media;

use crate::media_street::Street;
use crate::media_wire::settings;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_takes_over_the_screen_from_the_one_it_replaces() {
    media::warm_up().unwrap();
    let mut street = Street::new(vec![settings("door", 440), settings("flat", 620)]);
    let old = street.open(0, 1, 1);
    street.until("the first link", |street| old.iter().all(|end| street.has_shown(end))).await;
    street.shows("flat").await;
    let new = street.open(0, 1, 2);
    street.until("the second link", |street| new.iter().all(|end| street.has_shown(end))).await;
    street.close(&old);
    street.shows("flat").await;
    street.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_peers_share_the_screen_and_the_one_who_stays_fills_it_again() {
    media::warm_up().unwrap();
    let mut street = Street::new(vec![settings("door", 440), settings("flat", 620), settings("desk", 800)]);
    let flat = street.open(0, 1, 1);
    street.until("the first peer", |street| street.has_shown(&flat[0])).await;
    let pipelines = street.edges[0].0.status().pipeline_count;
    let desk = street.open(0, 2, 1);
    street.until("the second peer", |street| street.has_shown(&desk[0])).await;
    // The second link, and the compositor.
    assert_eq!(street.edges[0].0.status().pipeline_count, pipelines + 2);
    street.close(&flat);
    street.shows("desk").await;
    street.until("one alone", |street| street.edges[0].0.status().pipeline_count == pipelines).await;
    street.stop().await;
}
