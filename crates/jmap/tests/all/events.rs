//! Changes as they happen.

use jmap::Jmap;
use serde_json::json;
use testkit::mail::{embedded, message};

use crate::client::User;

#[test]
fn p08_a_follower_is_told_the_new_states_and_what_it_missed() {
    embedded(2, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let user = User::new(&world, &jmap, &world.people[0]).await;
        let wanted = Some(vec!["VacationResponse".to_owned()]);
        let mut follower = jmap.follow(&user.client, wanted.clone(), None).await.unwrap();
        let token = follower.token();
        world.deliver_one(&world.people[1], message("Theirs", "text")).await;
        world.deliver_one(&world.people[0], message("Mine", "text")).await;
        let told = follower.next().await.unwrap();
        let state = user.call("VacationResponse/get", json!({})).await["state"].clone();
        assert_eq!(
            told.object,
            json!({"@type": "StateChange", "changed": {user.account.clone(): {"VacationResponse": state}}})
        );
        let mut later = jmap.follow(&user.client, wanted, Some(&token)).await.unwrap();
        assert_eq!(later.catch_up().await.unwrap().unwrap().object, told.object);
        assert_eq!(later.catch_up().await.unwrap(), None);
        let mut now = jmap.follow(&user.client, None, Some(&told.token)).await.unwrap();
        assert_eq!(now.catch_up().await.unwrap(), None);
    });
}
