//! Letters from outside, in the languages and character sets of their writers.

use encoding_rs::{BIG5, EUC_KR, GBK, ISO_2022_JP, ISO_8859_2, ISO_8859_7, KOI8_R, WINDOWS_1252};

use super::letter::{CAMILLE, CONTACT, EDWARD, FRANCOIS, INES, Letter, OLIVIA, Place, ZOE};

/// All of them.
pub fn letters() -> Vec<Letter> {
    let mut all = visitors();
    all.extend(trades());
    all.extend(unwanted());
    all
}

fn visitors() -> Vec<Letter> {
    let both = [CONTACT, EDWARD];
    vec![
        Letter::new("kane", ("山田 花子", "hanako@kane.example"), &[EDWARD, CAMILLE], 2.6, "鐘楼の見学について",
            "ご担当者様\n\nはじめまして。京都で鐘の研究をしている山田と申します。\n来年の四月に貴市を訪れる予定で、鐘楼と時計の機械を見学したいと存じます。\n八名ほどのグループですが、ご案内いただくことは可能でしょうか。\n\nどうぞよろしくお願いいたします。\n山田 花子\n")
            .charset(ISO_2022_JP).with(&["\\Flagged"]),
        Letter::new("schmidt", ("Jürgen Großmann", "juergen.grossmann@uhrenfreunde.example"), &[ZOE, CAMILLE], 4.4, "Frage zum Gehwerk der Turmuhr",
            "Sehr geehrte Frau Dubois,\n\nals Turmuhrfreund aus Süddeutschland habe ich mit großer Freude gelesen, dass Ihr Räderwerk überholt wird. Dürfte ich fragen, welches Öl Sie für die Lager verwenden? Bei uns hat sich über zwölf Jahre ein synthetisches bewährt.\n\nMit herzlichen Grüßen aus Nördlingen\nJürgen Großmann\n")
            .charset(WINDOWS_1252),
        Letter::new("athena", ("Ελένη Παπαδοπούλου", "eleni@kampana.example"), &both, 9.1, "Ευχαριστούμε για την ξενάγηση",
            "Αγαπητοί φίλοι,\n\nσας ευχαριστούμε θερμά για την υπέροχη ξενάγηση στον πύργο. Τα παιδιά μιλούν ακόμη για τις καμπάνες! Η μικρή Δανάη θέλει τώρα να γίνει ωρολογοποιός.\n\nΜε εκτίμηση,\nΕλένη Παπαδοπούλου\n")
            .charset(ISO_8859_7),
        Letter::new("krakow", ("Małgorzata Wiśniewska", "m.wisniewska@hejnal.example"), &[FRANCOIS], 15.8, "Koncert carillonowy w maju",
            "Szanowny Panie,\n\nw maju organizujemy w Gdańsku festiwal muzyki dzwonów i chcielibyśmy zaprosić Pana na koncert w niedzielę o dwunastej. Pokrywamy koszty podróży oraz dwóch noclegów.\n\nŁączę wyrazy szacunku,\nMałgorzata Wiśniewska\n")
            .charset(ISO_8859_2).with(&["\\Answered"]),
        Letter::new("suzdal", ("Алексей Морозов", "morozov@kolokol.example"), &[FRANCOIS, CONTACT], 27.2, "Обмен записями колоколов",
            "Уважаемые коллеги!\n\nМы собираем записи звона городских башен и были бы рады получить запись вашего карильона. Взамен охотно пришлём записи из Суздаля и Ростова.\n\nС уважением,\nАлексей Морозов\n")
            .charset(KOI8_R),
        Letter::new("suzhou", ("王 小明", "wang@zhong.example"), &both, 40.9, "关于团体参观的咨询",
            "您好！\n\n我们是苏州的一个旅行团，共二十二人，计划六月十日参观钟楼。请问是否有中文讲解？门票可以当天购买吗？\n\n谢谢！\n王小明\n")
            .charset(GBK),
        Letter::new("tainan", ("陳 怡君", "chen@lou.example"), &[OLIVIA], 71.3, "謝謝您的導覽",
            "親愛的 Olivia：\n\n謝謝您上週的導覽，樓頂的風景真美！照片附在雲端，歡迎使用。\n\n怡君 敬上\n")
            .charset(BIG5),
        Letter::new("gyeongju", ("김 민서", "minseo@jong.example"), &both, 95.6, "종탑 방문 문의",
            "안녕하세요.\n\n경주에서 온 학생들입니다. 종을 가까이에서 볼 수 있는 시간이 있을까요?\n\n감사합니다.\n김민서\n")
            .charset(EUC_KR),
        Letter::new("haifa", ("נועה לוי", "noa@migdal.example"), &both, 118.0, "שאלה על שעות הפתיחה",
            "שלום רב,\n\nהאם המגדל פתוח בשבת בבוקר? אנחנו משפחה עם שני ילדים קטנים, ואשמח לדעת כמה מדרגות יש.\n\nתודה,\nנועה\n"),
        Letter::new("tunis", ("سلمى بن علي", "salma@borj.example"), &both, 133.4, "زيارة مدرسية في الربيع",
            "تحية طيبة،\n\nنود تنظيم زيارة مدرسية لثلاثين تلميذا إلى البرج في شهر أبريل. هل توجد جولة باللغة العربية أو الفرنسية؟\n\nمع الشكر،\nسلمى بن علي\n"),
        Letter::new("lucia", ("Lucía Fernández", "lucia@campanario.example"), &both, 18.6, "¿Se puede subir con niños?",
            "Hola:\n\n¿Se puede subir a la torre con un niño de cuatro años? ¿Y hay un sitio donde dejar el carrito?\n\n¡Muchas gracias!\nLucía\n"),
        Letter::new("whitcombe", ("Margaret Whitcombe", "margaret@whitcombe.example"), &[EDWARD], 11.7, "Your recording",
            "Dear Edward,\n\nI practised “Mind the low beam” until my cat left the room. It can’t be said without sounding like a railway station – may I change it to “Watch your head, it’s lower than it looks”?\n\nYours,\nMargaret\n")
            .charset(WINDOWS_1252).with(&["\\Answered"]),
        Letter::new("lost-hat", ("Tom Okafor", "tom@okafor.example"), &[CONTACT, OLIVIA], 0.2, "A red hat 🎩",
            "Hello,\n\nmy daughter left a red hat on the terrace this morning. If it has not flown to Belgium, could you keep it for us? We come back on Saturday.\n\nThank you! 🙏\nTom\n"),
        Letter::new("ecole", ("Aurélie Caron", "a.caron@ecole-des-tilleuls.example"), &[EDWARD, CONTACT], 0.6, "Visite de la classe de CM1",
            "Bonjour,\n\nNous sommes 26 élèves et 4 adultes, le mardi 15 à 9 h 30. Un élève se déplace avec des béquilles : l'ascenseur monte-t-il jusqu'à la salle des cloches ?\n\nBien cordialement,\nAurélie Caron, école des Tilleuls\n"),
    ]
}

fn trades() -> Vec<Letter> {
    vec![
        Letter::new("fonderie", ("Fonderie Delattre", "devis@fonderie-delattre.example"), &[INES, CAMILLE], 52.0, "Taille de deux dents : début des travaux",
            "Madame,\n\nNous avons bien reçu l’acompte de 1 314 €. La taille commence lundi ; comptez dix jours ouvrés, plus le transport.\n\nBien à vous,\nR. Delattre\n")
            .charset(WINDOWS_1252).at(Place::Filed("Atelier/Horloge/Devis")),
        Letter::new("mairie", ("Cabinet du maire", "cabinet@mairie.example"), &[CAMILLE], 1.4, "Inauguration : présence du maire",
            "Madame la Directrice,\n\nMonsieur le maire sera présent samedi à 11 h 45 et souhaiterait dire quelques mots avant le premier coup de midi. Merci de nous indiquer combien de temps il aura — et combien de temps durent les douze coups.\n\nAvec nos salutations distinguées\n").with(&["\\Flagged", "$Important"]),
        Letter::new("ascenseur", ("Ascenseurs Nord", "maintenance@ascenseurs-nord.example"), &[CAMILLE, FRANCOIS], 21.0, "Compte rendu de visite annuelle",
            "Visite du 3 : câbles et frein conformes, éclairage de secours remplacé. Prochaine visite dans six mois.\n")
            .at(Place::Filed("Atelier/Sécurité")),
        Letter::new("assurance", ("Mutuelle des Clochers", "contrats@mutuelle-des-clochers.example"), &[INES], 88.5, "Votre avis d'échéance",
            "Madame,\n\nVotre contrat « Monuments » arrive à échéance le 31 décembre. Sans réponse de votre part il est reconduit aux mêmes conditions.\n")
            .at(Place::Filed("Direction/Assurances")),
        Letter::new("presse", ("Radio Canal Nord", "redaction@canalnord.example"), &[CAMILLE, FRANCOIS], 3.3, "Interview pour l'émission de dimanche",
            "Bonjour,\n\nNous aimerions enregistrer le carillon et dix minutes d'entretien vendredi matin. Le micro supporte mal le ré dièse, nous a-t-on dit : est-ce exact ?\n\nBien à vous,\nla rédaction\n").with(&["\\Answered"]),
        Letter::new("library", ("City Library", "loans@library.example"), &[OLIVIA], 8.0, "Your loans are due",
            "Two items are due on Friday:\n\n  Bells of the Low Countries\n  Teach Yourself Greek\n\nRenew them by answering this message with RENEW in the subject.\n"),
        Letter::new("moved", ("Edward Hughes", "edward.hughes@tour.example"), &[OLIVIA, CONTACT], 5.1, "Rota for next week",
            "Mon  Olivia, Sam\nTue  Olivia\nWed  closed in the morning (recording)\nThu  Edward, Sam\nFri  Edward\nSat  everybody!\n"),
    ]
}

fn unwanted() -> Vec<Letter> {
    vec![
        Letter::new("prize", ("Lottery Office", "winner@lucky-prize.example"), &[CAMILLE, EDWARD, INES], 1.9, "YOU WERE CHOSEN!!! Claim 1.000.000 today",
            "Dear lucky beneficiary,\n\nyour address won the second prize. Send us your full name, your age and a small fee to release the funds.\n").at(Place::Junk).unread(),
        Letter::new("parcel", ("Service de livraison", "suivi@colis-en-attente.example"), &[CAMILLE, ZOE, OLIVIA], 3.8, "Votre colis est bloqué : 1,99 €",
            "Votre colis n'a pas pu être livré. Réglez 1,99 € sous 24 heures pour une nouvelle présentation.\n").at(Place::Junk).unread(),
        Letter::new("ranking", ("Growth Team", "hello@first-on-every-search.example"), &[EDWARD, CAMILLE, CONTACT], 7.5, "Re: Re: your website ranking",
            "Hi there, did you see my last three mails? We can bring your website to the first place in two weeks.\n").at(Place::Junk).unread(),
        Letter::new("meeting-old", ("Salles & Séminaires", "offres@salles-seminaires.example"), &[CAMILLE, INES], 14.2, "Nos offres de rentrée",
            "-20 % sur toutes nos salles jusqu'à la fin du mois.\n").at(Place::Trash),
    ]
}
