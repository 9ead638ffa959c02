//! Small files to attach: a page of PDF and a picture, drawn here.

/// A page with lines of text, as PDF. Only letters of Latin-1 can be printed.
pub fn pdf(lines: &[&str]) -> Vec<u8> {
    let mut page = String::from("BT /F1 14 Tf 60 780 Td 20 TL\n");
    for line in lines {
        let safe: String = line.chars().filter(|c| !"()\\".contains(*c)).collect();
        page.extend(["(", &safe, ") Tj T*\n"]);
    }
    page.push_str("ET\n");
    let (page, _, _) = encoding_rs::WINDOWS_1252.encode(&page);
    let mut objects: Vec<Vec<u8>> = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
          /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_vec(),
    ];
    let mut content = format!("<< /Length {} >>\nstream\n", page.len()).into_bytes();
    content.extend_from_slice(&page);
    content.extend_from_slice(b"endstream");
    objects.push(content);
    objects
        .push(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec());
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", number + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let table = file.len();
    file.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for place in places {
        file.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let end = format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    file.extend_from_slice(end.as_bytes());
    file
}

const WIDTH: u32 = 320;
const HEIGHT: u32 = 200;
/// Sky from dusk to dawn, hills, stone, the dial, a window.
const COLOURS: &[[u8; 3]] = &[
    [43, 45, 66],
    [93, 73, 98],
    [168, 96, 98],
    [232, 150, 96],
    [250, 206, 130],
    [52, 70, 54],
    [120, 104, 88],
    [88, 76, 66],
    [245, 240, 225],
    [30, 26, 24],
];

/// A picture of a tower in the evening, as PNG.
pub fn picture(hour: u32) -> Vec<u8> {
    let mut raw = Vec::new();
    for y in 0..HEIGHT {
        raw.push(0);
        for x in 0..WIDTH {
            raw.push(colour(x, y, hour));
        }
    }
    let mut head = Vec::new();
    head.extend_from_slice(&WIDTH.to_be_bytes());
    head.extend_from_slice(&HEIGHT.to_be_bytes());
    // Eight bits, a palette, and nothing special.
    head.extend_from_slice(&[8, 3, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &head);
    chunk(&mut file, *b"PLTE", COLOURS.as_flattened());
    chunk(&mut file, *b"IDAT", &stored(&raw));
    chunk(&mut file, *b"IEND", b"");
    file
}

fn colour(x: u32, y: u32, hour: u32) -> u8 {
    let middle = x.abs_diff(WIDTH / 2);
    let roof = y > 14 && y < 52 && middle < (y - 14) * 2 / 3;
    let wall = (52..186).contains(&y) && middle < 26;
    let (dx, dy) = (i64::from(x) - 160, i64::from(y) - 80);
    let round = dx * dx + dy * dy;
    if round < 15 * 15 && wall {
        // Hands: one up, the other where the hour is.
        let (hx, hy) = [(0, -9), (8, -5), (8, 5), (0, 9), (-8, 5), (-8, -5)]
            .get((hour % 6) as usize)
            .copied()
            .unwrap_or((0, -9));
        let on_hand = (dx * hy - dy * hx).abs() < 8 && dx * hx + dy * hy > 0 && round < 90;
        return if (dx.abs() < 1 && dy < 0 && dy > -12) || on_hand { 9 } else { 8 };
    }
    if wall && middle < 5 && (120..150).contains(&y) {
        return 4;
    }
    if roof {
        return 7;
    }
    if wall {
        return if (y / 6 + x / 11).is_multiple_of(2) { 6 } else { 7 };
    }
    if y > 186 || y > 170 + (x / 9) % 12 {
        return 5;
    }
    u8::try_from((y + hour * 3) / 48).unwrap_or(4).min(4)
}

/// Bytes as a zlib stream that packs nothing.
fn stored(raw: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = raw.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend_from_slice(&(b << 16 | a).to_be_bytes());
    out
}

fn chunk(file: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    file.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    file.extend_from_slice(&name);
    file.extend_from_slice(data);
    let mut sum = u32::MAX;
    for byte in name.iter().chain(data) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    file.extend_from_slice(&(!sum).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_ends_with_its_sum() {
        let mut file = Vec::new();
        chunk(&mut file, *b"IEND", b"");
        assert_eq!(file, [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]);
    }

    #[test]
    fn the_table_of_a_pdf_tells_where_its_objects_are() {
        let file = pdf(&["Devis n° 12"]);
        let text = String::from_utf8_lossy(&file);
        let table: usize =
            text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(file[table..].starts_with(b"xref\n0 6\n"));
        let first: usize = std::str::from_utf8(&file[table + 29..table + 39]).unwrap().parse().unwrap();
        assert!(file[first..].starts_with(b"1 0 obj"));
    }
}
