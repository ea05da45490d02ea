/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.h - one line per event, through one callback that the program sets. */
#ifndef FACET_BASE_LOG_H
#define FACET_BASE_LOG_H

enum facet_log_level {
	FACET_LOG_ERROR,
	FACET_LOG_WARNING,
	FACET_LOG_INFO,
	FACET_LOG_DEBUG,
};

/**
 * facet_log_set() - choose where lines go and which are worth it.
 * @sink: gets area and text, without a newline; called from any thread; NULL: stderr
 * @level: lines above it cost one comparison
 */
void facet_log_set(void (*sink)(enum facet_log_level level, const char *area, const char *text),
		   enum facet_log_level level);

void facet_log(enum facet_log_level level, const char *area, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * What a guest can cause must not fill a disk: at most @burst lines a second from one call site,
 * then one line that says how many were dropped. @state is static storage of the call site.
 */
struct facet_log_limit {
	_Atomic unsigned long long second;
	_Atomic unsigned int count;
};
int facet_log_limited(struct facet_log_limit *state, unsigned int burst, const char *area);

/* A .c file defines LOG_AREA before it logs: #define LOG_AREA "sched" */
#define log_error(...) facet_log(FACET_LOG_ERROR, LOG_AREA, __VA_ARGS__)
#define log_warn(...)  facet_log(FACET_LOG_WARNING, LOG_AREA, __VA_ARGS__)
#define log_info(...)  facet_log(FACET_LOG_INFO, LOG_AREA, __VA_ARGS__)
#define log_debug(...) facet_log(FACET_LOG_DEBUG, LOG_AREA, __VA_ARGS__)

/* For everything a guest provokes. */
#define log_guest(...)                                                     \
	do {                                                               \
		static struct facet_log_limit _limit;                      \
		if (facet_log_limited(&_limit, 10, LOG_AREA))              \
			facet_log(FACET_LOG_DEBUG, LOG_AREA, __VA_ARGS__); \
	} while (0)

#endif
