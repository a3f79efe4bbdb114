package io.aquatint.diffusion.pipeline;

import java.awt.Color;
import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;

/**
 * Pictures side by side with words to them, as one picture.
 *
 * @param side of each picture on the sheet in pixels
 * @param labelWidth of the words left of the rows in pixels
 */
public record ContactSheet(List<String> columns, List<Row> rows, int side, int labelWidth) {
    private static final int GAP = 6;
    private static final int HEADER = 26;
    private static final int CAPTION = 36;
    private static final Font FONT = new Font(Font.SANS_SERIF, Font.PLAIN, 14);
    private static final Font SMALL = new Font(Font.SANS_SERIF, Font.PLAIN, 11);
    private static final Color PAPER = new Color(0xfbfaf7);
    private static final Color INK = new Color(0x23303a);

    /**
     * One row: its words on the left, then its pictures.
     *
     * @param captions what stands below each picture; may be empty
     */
    public record Row(String label, List<Picture> pictures, List<String> captions) {
        public Row {
            pictures = List.copyOf(pictures);
            captions = List.copyOf(captions);
        }

        public Row(String label, List<Picture> pictures) {
            this(label, pictures, List.of());
        }
    }

    public ContactSheet {
        columns = List.copyOf(columns);
        rows = List.copyOf(rows);
    }

    /** The sheet as a PNG file. */
    public byte[] toPng() {
        int across = Math.max(
                columns.size(),
                rows.stream().mapToInt(row -> row.pictures().size()).max().orElse(0));
        int width = labelWidth + across * (side + GAP) + GAP;
        int height = HEADER + rows.stream().mapToInt(this::height).sum();
        BufferedImage sheet = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = sheet.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
        graphics.setColor(PAPER);
        graphics.fillRect(0, 0, width, height);
        graphics.setFont(FONT);
        graphics.setColor(INK);
        for (int column = 0; column < columns.size(); column++) {
            int textWidth = graphics.getFontMetrics().stringWidth(columns.get(column));
            graphics.drawString(columns.get(column), left(column) + (side - textWidth) / 2, HEADER - 9);
        }
        int top = HEADER;
        for (Row row : rows) {
            graphics.setFont(FONT);
            int lines = lines(graphics, row.label(), labelWidth - 3 * GAP).size();
            int middle = top + (side - lines * graphics.getFontMetrics().getHeight()) / 2;
            write(graphics, row.label(), 2 * GAP, middle, labelWidth - 3 * GAP);
            for (int column = 0; column < row.pictures().size(); column++) {
                graphics.drawImage(row.pictures().get(column).toImage(), left(column), top, side, side, null);
            }
            graphics.setFont(SMALL);
            for (int column = 0; column < row.captions().size(); column++) {
                write(graphics, row.captions().get(column), left(column), top + side, side);
            }
            top += height(row);
        }
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(sheet, "png", bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private int left(int column) {
        return labelWidth + GAP + column * (side + GAP);
    }

    private int height(Row row) {
        return side + GAP + (row.captions().isEmpty() ? 0 : CAPTION);
    }

    private static void write(Graphics2D graphics, String text, int x, int top, int width) {
        FontMetrics metrics = graphics.getFontMetrics();
        int y = top + metrics.getAscent();
        for (String line : lines(graphics, text, width)) {
            graphics.drawString(line, x, y);
            y += metrics.getHeight();
        }
    }

    private static List<String> lines(Graphics2D graphics, String text, int width) {
        FontMetrics metrics = graphics.getFontMetrics();
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        for (String word : text.split(" ")) {
            if (!line.isEmpty() && metrics.stringWidth(line + " " + word) > width) {
                lines.add(line.toString());
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        lines.add(line.toString());
        return lines;
    }
}
