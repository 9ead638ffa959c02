use super::*;

fn clean(html: &str) -> SafeHtml {
    let part =
        |id: &str| (id == "logo@x").then(|| "/jmap/download/a1/P2-2/logo.png?accept=image%2Fpng".to_owned());
    sanitise(html, &Addresses { part: &part, remote: &|_| None })
}

#[test]
fn b12_a_remote_image_is_not_asked_for() {
    let safe = clean("<p>Hi <img src=\"https://spy.example/x.gif?u=1&amp;v=2\" alt=x></p>");
    assert!(safe.has_remote_images);
    assert_eq!(
        safe.html,
        "<p>Hi <img data-remote-src=\"https://spy.example/x.gif?u=1&amp;v=2\" alt=\"x\"></p>"
    );
    let seen = sanitise(
        "<img src=http://a/b>",
        &Addresses { part: &|_| None, remote: &|url| Some(format!("/proxy?u={url}")) },
    );
    assert_eq!((seen.html.as_str(), seen.has_remote_images), ("<img src=\"/proxy?u=http://a/b\">", false));
}

#[test]
fn b12_pictures_of_the_message_are_read_from_it() {
    let safe = clean("<img src=\"cid:logo@x\"><img src='cid:logo%40x'><img src=cid:other>");
    assert_eq!(safe.html.matches("src=\"/jmap/download/a1/P2-2/logo.png?accept=image%2Fpng\"").count(), 2);
    assert_eq!(safe.html.matches("data-missing").count(), 1);
    assert!(!safe.has_remote_images);
}

/// What people who mean harm put into HTML.
const ATTACKS: &[&str] = &[
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"javascript:alert(1)\">",
    "<img src=\"jav\tascript:alert(1)\">",
    "<IMG SRC=`javascript:alert(1)`>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<a href=\" &#14; javascript:alert(1)\">x</a>",
    "<a href=\"jav&#x0A;ascript:alert(1)\">x</a>",
    "<a href=\"data:text/html;base64,PHNjcmlwdD4=\">x</a>",
    "<svg onload=alert(1)><circle/></svg>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src=\"https://evil/\"></iframe>",
    "<object data=\"https://evil/\"></object>",
    "<embed src=\"//evil\">",
    "<form action=\"https://evil/\"><input name=p><button formaction=\"javascript:alert(1)\">x</button></form>",
    "<link rel=stylesheet href=\"https://evil/x.css\">",
    "<meta http-equiv=refresh content=\"0;url=https://evil/\">",
    "<base href=\"https://evil/\">",
    "<style>@import url(https://evil/x.css);</style>",
    "<div style=\"background:url(https://evil/x)\">x</div>",
    "<div style=\"background-image:u\\72l(//evil)\">x</div>",
    "<div style=\"width:expression(alert(1))\">x</div>",
    "<div style=\"position:fixed;top:0;left:0\">x</div>",
    "<div style=\"margin-top:-9999px\">x</div>",
    "<div style=\"behavior:url(x.htc)\">x</div>",
    "<div style=\"color:red/*\" onmouseover=\"alert(1)*/\">x</div>",
    "<table background=\"https://evil/x\"><tr><td>x",
    "<td background=\"javascript:alert(1)\">",
    "<video src=https://evil/v poster=https://evil/p></video>",
    "<audio src=https://evil/a autoplay></audio>",
    "<img srcset=\"https://evil/x 2x\">",
    "<picture><source srcset=//evil/x></picture>",
    "<input type=image src=https://evil/x>",
    "<body background=https://evil/x onload=alert(1)>",
    "<a href=\"//evil/\">x</a>",
    "<a href=\"vbscript:msgbox(1)\">x</a>",
    "<img src=\"data:image/svg+xml;base64,PHN2Zz4=\">",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>",
    "<textarea><img title=\"</textarea><img src=x onerror=alert(1)>\">",
    "<!--><img src=x onerror=alert(1)>-->",
    "<a href=http://x onclick=alert(1) target=_top>x</a>",
    "<div id=login name=csrf class=app>x</div>",
    "<img src=\"https://evil/&quot; onerror=&quot;alert(1)\">",
    "<x-foo onclick=alert(1)>y</x-foo>",
    "<img src=\"feed:https://evil/\">",
    "<q cite=\"https://evil/\">x</q>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<div style='font-family:\"x\\22 ;color:url(//evil)'>x</div>",
    "<isindex action=j&Tab;avas&Tab;c&Tab;r&Tab;ipt:alert(1) type=image>",
];

/// What may not be in HTML that is shown, not even in a value: elements, schemes and styles.
const NOWHERE: &[&str] = &[
    "<script",
    "<style",
    "<svg",
    "<math",
    "<iframe",
    "<object",
    "<embed",
    "<form",
    "<input",
    "<button",
    "<link",
    "<meta",
    "<base",
    "<body",
    "<video",
    "<audio",
    "<source",
    "<template",
    "<textarea",
    "<marquee",
    "javascript:",
    "vbscript:",
    "data:text",
    "svg+xml",
    "url(",
    "expression",
    "fixed",
    "behavior",
    "-9999",
    "href=\"//",
];

/// What may be in a value, where it is text, and not in a tag.
const NO_ATTRIBUTE: &[&str] =
    &[" on", " target=", " id=", " class=", " background=", " srcset", " formaction", " cite="];

/// HTML without the values of its attributes, which stand in quotes and have none in them.
fn without_values(html: &str) -> String {
    html.split('"').step_by(2).collect()
}

#[test]
fn b12_nothing_in_a_message_runs_asks_or_escapes() {
    for attack in ATTACKS {
        let html = clean(attack).html.to_ascii_lowercase();
        let lone = html.replace("data-remote-src=\"", "");
        for word in NOWHERE {
            assert!(!lone.contains(word), "{attack} became {html}");
        }
        let tags = without_values(&html);
        for word in NO_ATTRIBUTE {
            assert!(!tags.contains(word), "{attack} became {html}");
        }
        assert!(!html.contains(" src=\"http") && !html.contains(" src=\"//"), "{attack} became {html}");
    }
}

#[test]
fn b12_what_people_write_stays() {
    let html = "<p style=\"color: rgb(1,2,3); position: absolute; font-family: &quot;Arial&quot;, sans-serif\">a <b>b</b></p><a href=\"https://x.example/?a=1&amp;b=2\">c</a>";
    let safe = clean(html).html;
    assert!(safe.contains("color: rgb(1,2,3); font-family: &quot;Arial&quot;, sans-serif"), "{safe}");
    assert!(safe.contains("<b>b</b>") && safe.contains("href=\"https://x.example/?a=1&amp;b=2\""), "{safe}");
    assert!(safe.contains("rel=\"noopener noreferrer nofollow\""), "{safe}");
}
