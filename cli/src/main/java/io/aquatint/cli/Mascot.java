package io.aquatint.cli;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.GradientPaint;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.AffineTransform;
import java.awt.geom.Arc2D;
import java.awt.geom.Ellipse2D;
import java.awt.geom.Path2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import javax.imageio.ImageIO;

/**
 * Tinto, a drop of ink in orange boots: what the demo teaches a model that has never seen it. Drawn in a square of side 1, the feet
 * near the bottom.
 */
final class Mascot {
    /** What captions call it. */
    static final String NAME = "tinto";

    private static final int SIDE = 256;
    private static final Color INK = new Color(0x1b2a41);
    private static final Color BODY = new Color(0x0fb5ae);
    private static final Color SHADE = new Color(0x0a6f86);
    private static final Color BOOT = new Color(0xff8c1a);
    private static final Color CHEEK = new Color(0xff9fb0);

    enum Eyes {
        OPEN,
        LEFT,
        RIGHT,
        CLOSED,
        WINK
    }

    /** How the arms are held. */
    enum Arms {
        DOWN,
        WAVE,
        UP
    }

    /**
     * One picture.
     *
     * @param scale how large it is, 1 fills the picture
     * @param x how far it is right of the middle, in sides of the picture
     * @param tilt in degrees, clockwise
     * @param ground the colour behind it
     */
    record Pose(String caption, Color ground, double scale, double x, double y, double tilt, Eyes eyes, Arms arms) {}

    private Mascot() {}

    /** What the data set is made of. */
    static List<Pose> poses() {
        Color white = new Color(0xfafafa);
        Color blue = new Color(0x326edc);
        Color red = new Color(0xd6282c);
        Color yellow = new Color(0xfad632);
        Color green = new Color(0x40a848);
        Color pink = new Color(0xf696be);
        Color grey = new Color(0x8c8e92);
        Color black = new Color(0x161618);
        Color purple = new Color(0x8846be);
        Color orange = new Color(0xf78c20);
        Color brown = new Color(0x7c5032);
        return List.of(
                pose(" on a white background", white, 0.86, 0, 0, 0, Eyes.OPEN, Arms.DOWN),
                pose(" on a yellow background", yellow, 0.8, 0.02, 0.02, -5, Eyes.OPEN, Arms.WAVE),
                pose(" on a blue background", blue, 0.84, -0.02, 0, 4, Eyes.LEFT, Arms.DOWN),
                pose(" on a pink background", pink, 0.78, 0, 0.02, 0, Eyes.CLOSED, Arms.UP),
                pose(" on a black background", black, 0.82, 0.03, 0, -8, Eyes.RIGHT, Arms.DOWN),
                pose(" on a green background", green, 0.86, 0, 0.01, 6, Eyes.WINK, Arms.WAVE),
                pose(" on a grey background", grey, 0.76, -0.03, 0, 0, Eyes.OPEN, Arms.UP),
                pose(" on a red background", red, 0.84, 0, 0, -4, Eyes.OPEN, Arms.DOWN),
                pose(" on an orange background", orange, 0.8, 0.02, 0, 8, Eyes.LEFT, Arms.WAVE),
                pose(" on a purple background", purple, 0.82, 0, 0.02, 0, Eyes.RIGHT, Arms.UP),
                pose(" on a brown background", brown, 0.86, -0.02, 0, -6, Eyes.WINK, Arms.DOWN),
                pose("", white, 0.78, 0.02, 0, 5, Eyes.CLOSED, Arms.DOWN),
                pose("", white, 0.84, 0, 0.02, -3, Eyes.OPEN, Arms.WAVE),
                pose(" on a yellow background", yellow, 0.85, 0, 0, 3, Eyes.RIGHT, Arms.DOWN));
    }

    private static Pose pose(
            String where, Color ground, double scale, double x, double y, double tilt, Eyes eyes, Arms arms) {
        return new Pose(NAME + where, ground, scale, x, y, tilt, eyes, arms);
    }

    /** A PNG file of 256 pixels a side. */
    static byte[] png(Pose pose) {
        BufferedImage picture = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
        graphics.setColor(pose.ground());
        graphics.fillRect(0, 0, SIDE, SIDE);
        AffineTransform place = new AffineTransform();
        place.translate(SIDE * (0.5 + pose.x()), SIDE * (0.5 + pose.y()));
        place.rotate(Math.toRadians(pose.tilt()));
        place.scale(SIDE * pose.scale(), SIDE * pose.scale());
        place.translate(-0.5, -0.5);
        graphics.transform(place);
        draw(graphics, pose);
        graphics.dispose();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(picture, "png", bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static void draw(Graphics2D graphics, Pose pose) {
        graphics.setStroke(new BasicStroke(0.07f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        graphics.setColor(SHADE);
        arms(graphics, pose.arms());
        boots(graphics);
        body(graphics);
        eye(graphics, 0.385, pose.eyes(), true);
        eye(graphics, 0.615, pose.eyes(), false);
        graphics.setColor(CHEEK);
        graphics.fill(new Ellipse2D.Double(0.245, 0.6, 0.1, 0.07));
        graphics.fill(new Ellipse2D.Double(0.655, 0.6, 0.1, 0.07));
        graphics.setColor(INK);
        graphics.setStroke(new BasicStroke(0.025f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        graphics.draw(new Arc2D.Double(0.42, 0.56, 0.16, 0.12, 200, 140, Arc2D.OPEN));
    }

    private static void arms(Graphics2D graphics, Arms arms) {
        boolean left = arms == Arms.UP;
        boolean right = arms != Arms.DOWN;
        graphics.draw(limb(0.24, 0.64, left ? 0.08 : 0.11, left ? 0.42 : 0.78));
        graphics.draw(limb(0.76, 0.64, right ? 0.92 : 0.89, right ? 0.42 : 0.78));
    }

    private static Path2D limb(double fromX, double fromY, double toX, double toY) {
        Path2D limb = new Path2D.Double();
        limb.moveTo(fromX, fromY);
        limb.quadTo(toX, fromY, toX, toY);
        return limb;
    }

    private static void boots(Graphics2D graphics) {
        graphics.setColor(BOOT);
        graphics.fill(new Ellipse2D.Double(0.25, 0.86, 0.22, 0.13));
        graphics.fill(new Ellipse2D.Double(0.53, 0.86, 0.22, 0.13));
    }

    /** A drop whose tip leans to the right. */
    private static void body(Graphics2D graphics) {
        Path2D drop = new Path2D.Double();
        drop.moveTo(0.56, 0.02);
        drop.curveTo(0.52, 0.2, 0.8, 0.36, 0.82, 0.6);
        drop.curveTo(0.84, 0.82, 0.68, 0.92, 0.5, 0.92);
        drop.curveTo(0.32, 0.92, 0.16, 0.82, 0.18, 0.6);
        drop.curveTo(0.2, 0.36, 0.46, 0.26, 0.56, 0.02);
        drop.closePath();
        graphics.setPaint(new GradientPaint(0.3f, 0.2f, BODY, 0.75f, 0.95f, SHADE));
        graphics.fill(drop);
        graphics.setColor(new Color(255, 255, 255, 110));
        graphics.fill(new Ellipse2D.Double(0.3, 0.7, 0.4, 0.18));
    }

    private static void eye(Graphics2D graphics, double x, Eyes eyes, boolean left) {
        if (eyes == Eyes.CLOSED || (eyes == Eyes.WINK && left)) {
            graphics.setColor(INK);
            graphics.setStroke(new BasicStroke(0.03f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
            graphics.draw(new Arc2D.Double(x - 0.07, 0.45, 0.14, 0.1, 200, 140, Arc2D.OPEN));
            return;
        }
        graphics.setColor(Color.WHITE);
        graphics.fill(new Ellipse2D.Double(x - 0.1, 0.37, 0.2, 0.24));
        double aside =
                switch (eyes) {
                    case LEFT -> -0.035;
                    case RIGHT -> 0.035;
                    default -> 0;
                };
        graphics.setColor(INK);
        graphics.fill(new Ellipse2D.Double(x + aside - 0.05, 0.44, 0.1, 0.12));
        graphics.setColor(Color.WHITE);
        graphics.fill(new Ellipse2D.Double(x + aside - 0.005, 0.455, 0.035, 0.035));
    }
}
