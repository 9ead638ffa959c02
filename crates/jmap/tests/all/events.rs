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

#[test]
fn p08_an_arrival_is_told_apart_from_other_changes() {
    embedded(1, |world| async move {
        let jmap = Jmap::new(world.mail.clone());
        let user = User::new(&world, &jmap, &world.people[0]).await;
        let wanted = Some(vec!["EmailDelivery".to_owned()]);
        let mut follower = jmap.follow(&user.client, wanted, None).await.unwrap();
        world.deliver_one(&world.people[0], message("One", "text")).await;
        let first = follower.next().await.unwrap();
        let answer = user.call("Email/query", json!({})).await;
        let found = answer["ids"][0].clone();
        let id = found.as_str().unwrap();
        let seen = json!({"update": {id: {"keywords/$seen": true}}});
        assert_eq!(user.call("Email/set", seen).await["updated"], json!({id: null}));
        // That a flag changed is not told: the next thing is the next arrival.
        assert_eq!(follower.catch_up().await.unwrap(), None);
        world.deliver_one(&world.people[0], message("Two", "text")).await;
        let second = follower.next().await.unwrap();
        let told =
            |change: &jmap::StateChange| change.object["changed"][&user.account]["EmailDelivery"].clone();
        assert!(told(&first).is_string() && told(&second).is_string() && told(&first) != told(&second));
    });
}
