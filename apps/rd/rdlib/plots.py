"""Plots for papers and slides, as SVG and PNG: the rate-distortion curves of each metric."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the back end is chosen first)

COLOURS = ("#1f5fd0", "#d1495b", "#2a7d4f", "#c77700", "#7b4fc9", "#00838f", "#9c5b2e", "#c2388f")
GREYS = ("#333333", "#777777", "#555555", "#999999")
DASHES = ((4, 2), (1, 1.5), (6, 2, 1, 2), (3, 3))


def write(results, data, folder):
    folder.mkdir(exist_ok=True)
    for metric in results.metrics:
        figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
        own = published = 0
        for s in data["curves"][metric.key]:
            line = list(zip(*s["line"]))
            dots = list(zip(*[p[:2] for p in s["points"]]))
            if s["published"]:
                style = {"color": GREYS[published % len(GREYS)], "linewidth": 1.1,
                         "dashes": DASHES[published // len(GREYS) % len(DASHES)]}
                axes.plot(*line, label=f"{s['label']} (published)", **style)
                published += 1
                continue
            colour = COLOURS[own % len(COLOURS)]
            axes.plot(*line, color=colour, linewidth=1.6, label=s["label"])
            axes.plot(*dots, "o", color=colour, markersize=3.5)
            if s["band"]:
                rate, low, high = zip(*s["band"])
                axes.fill_between(rate, low, high, color=colour, alpha=0.10, linewidth=0)
            own += 1
        axes.set_xscale("log")
        axes.set_xlabel(f"rate, {data['rate_unit']}")
        axes.set_ylabel(metric.label + (f", {metric.unit}" if metric.unit else ""))
        axes.grid(True, which="both", linewidth=0.3)
        if not metric.higher:
            axes.invert_yaxis()
        if own + published:
            axes.legend(fontsize=7.5, frameon=False)
        for form in ("svg", "png"):
            figure.savefig(folder / f"rd-{metric.key}.{form}", dpi=160)
        plt.close(figure)
