// SPDX-License-Identifier: GPL-2.0-or-later
/* exposition.c - the counters of the vGPUs as OpenMetrics text. */
#include <string.h>

#include "base/checked.h"
#include "daemon/gpus.h"
#include "daemon/metrics.h"
#include "host/part.h"

enum { MAX_BUCKETS = 64 };

/* Where in a JSON object the value stands: "measured.used_ns". @divisor turns it into the unit. */
struct family {
	const char *name, *type, *unit, *help;
	const char *object, *field; /* object: NULL, or "a" or "a.b" */
	double divisor;
};

static const struct family gpu_families[] = {
	{ "facet_gpu_execution_units", "gauge", NULL, "Execution units of the GPU.", NULL, "eus",
	  1 },
	{ "facet_gpu_vgpus", "gauge", NULL, "vGPUs on the GPU.", NULL, "vgpus", 1 },
	{ "facet_gpu_share_free_ratio", "gauge", "ratio",
	  "Part of the GPU's time that is promised to nobody.", NULL, "share_free_ppm", 1e6 },
	{ "facet_gpu_vram_bytes", "gauge", "bytes", "Memory that quotas may add up to.", NULL,
	  "vram_bytes", 1 },
	{ "facet_gpu_vram_free_bytes", "gauge", "bytes", "Memory that is promised to nobody.", NULL,
	  "vram_free_bytes", 1 },
};

static const struct family vgpu_families[] = {
	{ "facet_vgpu_gpu_time_seconds", "counter", "seconds",
	  "GPU time used, of all execution units together.", "measured", "used_ns", 1e9 },
	{ "facet_vgpu_throttled_seconds", "counter", "seconds",
	  "Time in which the vGPU had work and was not let.", "measured", "throttled_ns", 1e9 },
	{ "facet_vgpu_preemptions", "counter", NULL, "Times it was stopped inside a job.",
	  "measured", "preempts", 1 },
	{ "facet_vgpu_resets", "counter", NULL, "Resets for a job without end.", "measured",
	  "resets", 1 },
	{ "facet_vgpu_restarts", "counter", NULL, "New processes it was given.", NULL, "restarts",
	  1 },
	{ "facet_vgpu_used_ratio", "gauge", "ratio", "Part of the GPU used over the last second.",
	  "measured", "used_ppm", 1e6 },
	{ "facet_vgpu_entitled_ratio", "gauge", "ratio",
	  "Part of the GPU that it gets when all are busy.", "measured", "entitled_ppm", 1e6 },
	{ "facet_vgpu_weight", "gauge", NULL, "Its weight against the others.", "limits", "weight",
	  1 },
	{ "facet_vgpu_cap_ratio", "gauge", "ratio", "Part of the GPU that it never exceeds.",
	  "limits", "cap_ppm", 1e6 },
	{ "facet_vgpu_reservation_ratio", "gauge", "ratio", "Part of the GPU that is kept for it.",
	  "limits", "reservation_ppm", 1e6 },
	{ "facet_vgpu_vram_quota_bytes", "gauge", "bytes", "Memory that its resources may take.",
	  "limits", "vram_bytes", 1 },
	{ "facet_vgpu_vram_bytes", "gauge", "bytes", "Memory that its resources take.",
	  "status.usage", "vram_bytes", 1 },
	{ "facet_vgpu_resident_bytes", "gauge", "bytes", "Memory of its process.", "status",
	  "rss_bytes", 1 },
	{ "facet_vgpu_cpu_seconds", "counter", "seconds", "CPU time of its process.", "status",
	  "cpu_ns", 1e9 },
	{ "facet_vgpu_jobs", "counter", NULL, "Jobs executed.", "status.usage", "jobs", 1 },
	{ "facet_vgpu_frames", "counter", NULL, "Frames finished.", "status.usage", "flushes", 1 },
	{ "facet_vgpu_refused_requests", "counter", NULL, "Requests that made no sense.", "status",
	  "drops", 1 },
};

static const struct family histograms[] = {
	{ "facet_vgpu_queue_wait_seconds", "histogram", "seconds", "Of jobs, in the queue.", "wait",
	  NULL, 1e6 },
	{ "facet_vgpu_execution_seconds", "histogram", "seconds", "Of jobs, in the engine.",
	  "execution", NULL, 1e6 },
	{ "facet_vgpu_latency_seconds", "histogram", "seconds", "Of jobs, from end to end.",
	  "latency", NULL, 1e6 },
};

static const char *const states[] = { "starting",     "idle",     "connected", "running",
				      "unresponsive", "stopping", "failed",    NULL };

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static void begin(FILE *out, const struct family *family)
{
	fprintf(out, "# TYPE %s %s\n", family->name, family->type);
	if (family->unit)
		fprintf(out, "# UNIT %s %s\n", family->name, family->unit);
	fprintf(out, "# HELP %s %s\n", family->name, family->help);
}

/* @path "a.b" */
static const json_t *walk(const json_t *object, const char *path)
{
	char part[32];
	size_t size;

	for (; path && *path; path += size + (path[size] == '.')) {
		size = strcspn(path, ".");
		snprintf(part, sizeof(part), "%.*s", (int)size, path);
		object = json_object_get(object, part);
	}
	return object;
}

/* Names of vGPUs and GPUs need no escapes: facetd lets nobody choose such. */
static void label(FILE *out, const json_t *one)
{
	if (json_object_get(one, "gpu"))
		fprintf(out, "{vgpu=\"%s\",gpu=\"%s\"", text(one, "name"), text(one, "gpu"));
	else
		fprintf(out, "{gpu=\"%s\"", text(one, "name"));
}

static void write_family(FILE *out, const struct family *family, const json_t *list)
{
	const json_t *value;
	json_t *one;
	size_t i;

	begin(out, family);
	json_array_foreach(list, i, one)
	{
		value = json_object_get(walk(one, family->object), family->field);
		/* No process, no value: that is not zero. */
		if (!json_is_integer(value))
			continue;
		fprintf(out, "%s%s", family->name,
			strcmp(family->type, "counter") == 0 ? "_total" : "");
		label(out, one);
		fprintf(out, "} %.15g\n", (double)json_integer_value(value) / family->divisor);
	}
}

/* The count is that of the buckets: what a process says of itself may not add up. */
static void write_histogram(FILE *out, const struct family *family, const json_t *one)
{
	const json_t *histogram = walk(one, family->object), *buckets;
	size_t size, i;
	double sum = 0;

	buckets = json_object_get(histogram, "buckets");
	size = json_array_size(buckets);
	for (i = 0; i < size && size <= MAX_BUCKETS; i++) {
		sum += (double)json_integer_value(json_array_get(buckets, i));
		fprintf(out, "%s_bucket", family->name);
		label(out, one);
		if (i + 1 < size)
			fprintf(out, ",le=\"%.15g\"} %.15g\n",
				(double)(2ULL << i) / family->divisor, sum);
		else
			fprintf(out, ",le=\"+Inf\"} %.15g\n", sum);
	}
	if (!i)
		return;
	fprintf(out, "%s_count", family->name);
	label(out, one);
	fprintf(out, "} %.15g\n%s_sum", sum, family->name);
	label(out, one);
	fprintf(out, "} %.15g\n",
		(double)json_integer_value(json_object_get(histogram, "sum_us")) / family->divisor);
}

/* One sample for each state there is, 1 for the one that it is in. */
static void write_states(FILE *out, const char *name, const char *help, const json_t *list,
			 const char *field, const char *const *known)
{
	json_t *one;
	size_t i;

	fprintf(out, "# TYPE %s stateset\n# HELP %s %s\n", name, name, help);
	json_array_foreach(list, i, one)
	{
		for (const char *const *state = known; *state; state++) {
			fputs(name, out);
			label(out, one);
			fprintf(out, ",%s=\"%s\"} %d\n", name, *state,
				strcmp(text(one, field), *state) == 0);
		}
	}
}

static void write_up(FILE *out, const json_t *vgpus)
{
	enum facet_mechanism mechanism;
	json_t *one;
	size_t i;

	fputs("# TYPE facet_vgpu_up gauge\n"
	      "# HELP facet_vgpu_up 1 if the process of the vGPU answers.\n",
	      out);
	json_array_foreach(vgpus, i, one)
	{
		/* A part of hardware has no process. */
		if (facet_part_mechanism(text(one, "mechanism"), &mechanism))
			continue;
		fputs("facet_vgpu_up", out);
		label(out, one);
		fprintf(out, "} %d\n", json_is_object(json_object_get(one, "status")));
	}
}

void facetd_metrics_write(FILE *out, const json_t *vgpus, const json_t *gpus)
{
	const char *policies[FACET_POLICIES + 1] = { NULL };
	json_t *one;
	size_t i, k;

	for (i = 0; i < FACET_POLICIES; i++)
		policies[i] = facetd_gpus_policy_word((enum facet_policy)i);
	fputs("# TYPE facet info\n# HELP facet The facetd that answers.\n", out);
	fputs("facet_info{version=\"" FACET_VERSION "\"} 1\n", out);
	for (i = 0; i < FACET_ARRAY_SIZE(gpu_families); i++)
		write_family(out, &gpu_families[i], gpus);
	write_states(out, "facet_gpu_policy", "How the GPU's time is divided.", gpus, "policy",
		     policies);
	write_up(out, vgpus);
	write_states(out, "facet_vgpu_state", "What the vGPU does.", vgpus, "state", states);
	for (i = 0; i < FACET_ARRAY_SIZE(vgpu_families); i++)
		write_family(out, &vgpu_families[i], vgpus);
	for (i = 0; i < FACET_ARRAY_SIZE(histograms); i++) {
		begin(out, &histograms[i]);
		json_array_foreach(vgpus, k, one) write_histogram(out, &histograms[i], one);
	}
	fputs("# EOF\n", out);
}
