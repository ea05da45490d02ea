// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_xe_pf - a driver of physical functions that has xe's sriov_admin, on any PF.
 *
 * A PF is given to it by driver_override "xe". The files, what they hold and how writes to them
 * fail follow Documentation/ABI/testing/sysfs-driver-intel-xe-sriov; nothing behind them is
 * scheduled. The VFs are the device's own, without a driver of theirs in the PF.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sysfs.h>

#define VRAM (8ull << 30)
/* Quotas are rounded up to this, as hardware may. */
#define VRAM_UNIT (2ull << 20)

static const char *const priorities[] = { "low", "normal", "high" };

struct pf;

/* The PF or a VF: one directory. */
struct function {
	struct kobject kobj;
	struct pf *pf;
	unsigned int exec_quantum_ms, preempt_timeout_us, priority;
	u64 vram_quota;
	bool linked;
};

struct pf {
	struct pci_dev *pdev;
	struct kobject *admin;
	struct mutex lock; /* of the functions' values */
	unsigned int total;
	struct function *functions[]; /* [0] is the PF */
};

static struct function *to_function(struct kobject *kobj)
{
	return container_of(kobj, struct function, kobj);
}

/* --- values ----------------------------------------------------------------------------------- */

static u64 pf_used_vram(const struct pf *pf)
{
	u64 used = 0;

	for (unsigned int i = 1; i <= pf->total; i++)
		used += pf->functions[i]->vram_quota;
	return used;
}

static int set_quantum(struct function *function, const char *text)
{
	return kstrtouint(text, 0, &function->exec_quantum_ms) ? -EINVAL : 0;
}

static int set_timeout(struct function *function, const char *text)
{
	return kstrtouint(text, 0, &function->preempt_timeout_us) ? -EINVAL : 0;
}

static int set_priority(struct function *function, const char *text)
{
	int r = sysfs_match_string(priorities, text);

	if (r >= 0)
		function->priority = r;
	return min(r, 0);
}

static int set_quota(struct function *function, const char *text)
{
	u64 quota;

	if (kstrtou64(text, 0, &quota) || quota > VRAM)
		return -EINVAL;
	quota = round_up(quota, VRAM_UNIT);
	if (pf_used_vram(function->pf) - function->vram_quota + quota > VRAM)
		return -EIO;
	function->vram_quota = quota;
	return 0;
}

/* There is no way to see that a VF stands still: nothing runs on it. */
static int set_stop(struct function *function, const char *text)
{
	bool stop;

	return kstrtobool(text, &stop) ? -EINVAL : 0;
}

static ssize_t store_one(struct kobject *kobj, const char *buf, size_t count,
			 int (*set)(struct function *function, const char *text))
{
	struct function *function = to_function(kobj);
	int r;

	mutex_lock(&function->pf->lock);
	r = set(function, buf);
	mutex_unlock(&function->pf->lock);
	return r ?: count;
}

static ssize_t quantum_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_function(kobj)->exec_quantum_ms));
}

static ssize_t timeout_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_function(kobj)->preempt_timeout_us));
}

static ssize_t quota_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(to_function(kobj)->vram_quota));
}

static ssize_t priority_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	unsigned int now = READ_ONCE(to_function(kobj)->priority);
	int at = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(priorities); i++)
		at += sysfs_emit_at(buf, at, i == now ? "%s[%s]" : "%s%s", i ? " " : "",
				    priorities[i]);
	return at + sysfs_emit_at(buf, at, "\n");
}

#define STORE(name, set)                                                               \
	static ssize_t name##_store(struct kobject *kobj, struct kobj_attribute *attr, \
				    const char *buf, size_t count)                     \
	{                                                                              \
		return store_one(kobj, buf, count, set);                               \
	}

STORE(quantum, set_quantum)
STORE(timeout, set_timeout)
STORE(priority, set_priority)
STORE(quota, set_quota)
STORE(stop, set_stop)

static struct kobj_attribute quantum = __ATTR(exec_quantum_ms, 0644, quantum_show, quantum_store);
static struct kobj_attribute timeout =
	__ATTR(preempt_timeout_us, 0644, timeout_show, timeout_store);
static struct kobj_attribute priority = __ATTR(sched_priority, 0644, priority_show, priority_store);
static struct kobj_attribute quota = __ATTR(vram_quota, 0644, quota_show, quota_store);
static struct kobj_attribute stop = __ATTR(stop, 0200, NULL, stop_store);

/* --- the same for all of them ----------------------------------------------------------------- */

static ssize_t store_all(struct kobject *admin, const char *buf, size_t count, unsigned int first,
			 int (*set)(struct function *function, const char *text))
{
	struct pf *pf = pci_get_drvdata(to_pci_dev(kobj_to_dev(admin->parent)));
	int r = 0;

	mutex_lock(&pf->lock);
	for (unsigned int i = first; !r && i <= pf->total; i++)
		r = set(pf->functions[i], buf);
	mutex_unlock(&pf->lock);
	return r ?: count;
}

#define STORE_ALL(name, first, set)                                                          \
	static ssize_t all_##name##_store(struct kobject *kobj, struct kobj_attribute *attr, \
					  const char *buf, size_t count)                     \
	{                                                                                    \
		return store_all(kobj, buf, count, first, set);                              \
	}

STORE_ALL(quantum, 0, set_quantum)
STORE_ALL(timeout, 0, set_timeout)
STORE_ALL(priority, 0, set_priority)
STORE_ALL(quota, 1, set_quota)

static struct kobj_attribute all_quantum = __ATTR(exec_quantum_ms, 0200, NULL, all_quantum_store);
static struct kobj_attribute all_timeout =
	__ATTR(preempt_timeout_us, 0200, NULL, all_timeout_store);
static struct kobj_attribute all_priority = __ATTR(sched_priority, 0200, NULL, all_priority_store);
static struct kobj_attribute all_quota = __ATTR(vram_quota, 0200, NULL, all_quota_store);

static struct attribute *all_attributes[] = {
	&all_quantum.attr, &all_timeout.attr, &all_priority.attr, &all_quota.attr, NULL,
};
static const struct attribute_group all_group = {
	.name = ".bulk_profile",
	.attrs = all_attributes,
};

/* --- directories ------------------------------------------------------------------------------ */

static struct attribute *pf_attributes[] = {
	&quantum.attr,
	&timeout.attr,
	&priority.attr,
	NULL,
};
static const struct attribute_group pf_profile = { .name = "profile", .attrs = pf_attributes };
static const struct attribute_group *pf_groups[] = { &pf_profile, NULL };

static struct attribute *vf_attributes[] = {
	&quantum.attr, &timeout.attr, &priority.attr, &quota.attr, NULL,
};
static const struct attribute_group vf_profile = { .name = "profile", .attrs = vf_attributes };
static struct attribute *vf_own_attributes[] = { &stop.attr, NULL };
static const struct attribute_group vf_own = { .attrs = vf_own_attributes };
static const struct attribute_group *vf_groups[] = { &vf_profile, &vf_own, NULL };

static void function_release(struct kobject *kobj)
{
	kfree(to_function(kobj));
}

static const struct kobj_type pf_type = {
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = pf_groups,
	.release = function_release,
};
static const struct kobj_type vf_type = {
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = vf_groups,
	.release = function_release,
};

static int pf_add_function(struct pf *pf, unsigned int number)
{
	struct function *function = kzalloc(sizeof(*function), GFP_KERNEL);
	int r;

	if (!function)
		return -ENOMEM;
	function->pf = pf;
	r = number ? kobject_init_and_add(&function->kobj, &vf_type, pf->admin, "vf%u", number)
		   : kobject_init_and_add(&function->kobj, &pf_type, pf->admin, "pf");
	if (r)
		kobject_put(&function->kobj);
	else
		pf->functions[number] = function;
	return r;
}

static void pf_remove_directories(struct pf *pf)
{
	for (unsigned int i = 0; i <= pf->total; i++) {
		if (pf->functions[i])
			kobject_del(&pf->functions[i]->kobj);
	}
	for (unsigned int i = 0; i <= pf->total; i++) {
		if (pf->functions[i])
			kobject_put(&pf->functions[i]->kobj);
	}
	kobject_del(pf->admin);
	kobject_put(pf->admin);
}

static int pf_add_tree(struct pf *pf)
{
	int r = 0;

	pf->admin = kobject_create_and_add("sriov_admin", &pf->pdev->dev.kobj);
	if (!pf->admin)
		return -ENOMEM;
	for (unsigned int i = 0; !r && i <= pf->total; i++)
		r = pf_add_function(pf, i);
	if (!r)
		r = sysfs_create_link(&pf->functions[0]->kobj, &pf->pdev->dev.kobj, "device");
	if (!r)
		r = sysfs_create_group(pf->admin, &all_group);
	if (r)
		pf_remove_directories(pf);
	return r;
}

/* --- VFs -------------------------------------------------------------------------------------- */

static void pf_link_vfs(struct pf *pf)
{
	struct pci_dev *vf = NULL;

	while ((vf = pci_get_device(pf->pdev->vendor, PCI_ANY_ID, vf))) {
		unsigned int number;

		if (!vf->is_virtfn || pci_physfn(vf) != pf->pdev)
			continue;
		number = pci_iov_vf_id(vf) + 1;
		pf->functions[number]->linked =
			!sysfs_create_link(&pf->functions[number]->kobj, &vf->dev.kobj, "device");
	}
}

/* Without a quota given before, equal parts; with one, what was given and nothing else. */
static void pf_provision(struct pf *pf, unsigned int count)
{
	mutex_lock(&pf->lock);
	if (!pf_used_vram(pf)) {
		for (unsigned int i = 1; i <= count; i++)
			pf->functions[i]->vram_quota = round_down(VRAM / count, VRAM_UNIT);
	}
	mutex_unlock(&pf->lock);
}

static void pf_disable_vfs(struct pf *pf)
{
	for (unsigned int i = 1; i <= pf->total; i++) {
		if (pf->functions[i]->linked)
			sysfs_remove_link(&pf->functions[i]->kobj, "device");
		pf->functions[i]->linked = false;
	}
	pci_disable_sriov(pf->pdev);
	mutex_lock(&pf->lock);
	for (unsigned int i = 1; i <= pf->total; i++)
		pf->functions[i]->vram_quota = 0;
	mutex_unlock(&pf->lock);
}

static int pf_sriov_configure(struct pci_dev *pdev, int count)
{
	struct pf *pf = pci_get_drvdata(pdev);
	int r;

	if (!count) {
		pf_disable_vfs(pf);
		return 0;
	}
	pf_provision(pf, count);
	r = pci_enable_sriov(pdev, count);
	if (r) {
		pf_disable_vfs(pf);
		return r;
	}
	pf_link_vfs(pf);
	return count;
}

static int pf_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int total = pci_sriov_get_totalvfs(pdev);
	struct pf *pf;
	int r;

	if (total <= 0)
		return -ENODEV;
	pf = kzalloc(struct_size(pf, functions, total + 1), GFP_KERNEL);
	if (!pf)
		return -ENOMEM;
	pf->pdev = pdev;
	pf->total = total;
	mutex_init(&pf->lock);
	pci_set_drvdata(pdev, pf);
	r = pf_add_tree(pf);
	if (r)
		kfree(pf);
	return r;
}

static void pf_remove(struct pci_dev *pdev)
{
	struct pf *pf = pci_get_drvdata(pdev);

	if (pci_num_vf(pdev))
		pf_disable_vfs(pf);
	sysfs_remove_group(pf->admin, &all_group);
	pf_remove_directories(pf);
	kfree(pf);
}

/* No ids: it takes what driver_override gives it, and nothing else. */
static struct pci_driver pf_driver = {
	.name = "xe",
	.probe = pf_probe,
	.remove = pf_remove,
	.sriov_configure = pf_sriov_configure,
};

module_pci_driver(pf_driver);
MODULE_DESCRIPTION("Looks like xe as the driver of a physical function, for tests");
MODULE_LICENSE("GPL");
