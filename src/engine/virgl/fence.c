// SPDX-License-Identifier: GPL-2.0-or-later
/* fence.c - fenced jobs are done in order, when the GPU has finished what came before them. */
#include <epoxy/gl.h>
#include <virgl/virglrenderer.h>

#include "base/preempt.h"
#include "engine/virgl/virgl.h"

/*
 * The guest's kernel takes the end of one fence for the end of all before it, so no fenced job may
 * overtake another. One that needs no GPU (a transfer, a flush) rides on the newest fence there is;
 * with none under way it is done at once.
 */

void facet_fences_init(struct facet_fences *fences)
{
	pthread_mutex_init(&fences->lock, NULL);
	facet_list_init(&fences->waiting);
}

void facet_fences_fini(struct facet_fences *fences)
{
	pthread_mutex_destroy(&fences->lock);
}

static struct facet_job *first(struct facet_fences *fences)
{
	return facet_list_empty(&fences->waiting)
		       ? NULL
		       : facet_container_of(fences->waiting.next, struct facet_job, link);
}

/* Ids wrap; there are never 2^31 of them under way. */
static bool reached(uint32_t fence, const struct facet_job *job)
{
	return (int32_t)(fence - job->pending.fence) >= 0;
}

void facet_fences_retire(struct facet_fences *fences, uint32_t fence)
{
	struct facet_job *job;

	pthread_mutex_lock(&fences->lock);
	if ((int32_t)(fence - fences->reached) > 0)
		fences->reached = fence;
	/* Two threads at it could swap answers: the one that came first does all. */
	while (!fences->retiring && (job = first(fences)) && reached(fences->reached, job)) {
		facet_list_remove(&job->link);
		fences->retiring = true;
		pthread_mutex_unlock(&fences->lock);
		job->done(job, job->pending.status);
		pthread_mutex_lock(&fences->lock);
		fences->retiring = false;
	}
	pthread_mutex_unlock(&fences->lock);
}

void facet_fences_abandon(struct facet_fences *fences)
{
	facet_fences_retire(fences, fences->last);
}

/* Queues the job behind the newest fence. False when there is nothing to wait for. */
static bool ride(struct facet_fences *fences, struct facet_job *job, bool new_fence)
{
	bool busy;

	pthread_mutex_lock(&fences->lock);
	busy = new_fence || fences->retiring || !facet_list_empty(&fences->waiting);
	if (busy) {
		job->pending.fence = fences->last;
		facet_list_append(&fences->waiting, &job->link);
	}
	pthread_mutex_unlock(&fences->lock);
	return busy;
}

/*
 * A read-back leaves nothing to wait for. To find that out here is cheaper than to have
 * virglrenderer's thread woken up for it.
 */
static bool is_gpu_idle(void)
{
	GLsync sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	bool idle = sync &&
		    glClientWaitSync(sync, GL_SYNC_FLUSH_COMMANDS_BIT, 0) == GL_ALREADY_SIGNALED;

	glDeleteSync(sync);
	return idle;
}

/* An older fence may stand for another context, of which the current one knows nothing. */
static bool is_oldest(struct facet_fences *fences)
{
	bool oldest;

	pthread_mutex_lock(&fences->lock);
	oldest = !fences->retiring && (facet_list_empty(&fences->waiting) ||
				       first(fences)->pending.fence == fences->last);
	pthread_mutex_unlock(&fences->lock);
	return oldest;
}

static void make_fence(struct facet_fences *fences)
{
	bool may_be_idle = is_oldest(fences);
	bool idle, will_be_told = false, was;

	/* What was drawn may be begun only here, and a part of it done. */
	was = facet_preempt_set(true);
	idle = may_be_idle && is_gpu_idle();
	fences->dirty = false;
	if (!idle && fences->threaded)
		will_be_told = virgl_renderer_create_fence((int)fences->last, 0) == 0;
	if (!idle && !will_be_told)
		glFinish();
	facet_preempt_set(was);
	if (will_be_told)
		return;
	/* Results of queries reach the guest before the fence that it waits for does. */
	virgl_renderer_poll();
	facet_fences_abandon(fences);
}

void facet_fences_renew(struct facet_fences *fences)
{
	bool busy;

	pthread_mutex_lock(&fences->lock);
	busy = !facet_list_empty(&fences->waiting);
	if (busy)
		fences->last++;
	pthread_mutex_unlock(&fences->lock);
	if (busy)
		make_fence(fences);
}

void facet_fences_finish(struct facet_fences *fences, struct facet_job *job, int status)
{
	bool new_fence = job->fenced && fences->dirty;

	job->pending.status = status;
	if (new_fence)
		fences->last++;
	if (!job->fenced || !ride(fences, job, new_fence))
		job->done(job, status);
	else if (new_fence)
		make_fence(fences);
}
