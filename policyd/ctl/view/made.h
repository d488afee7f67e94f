#pragma once

/*
 * Fields that xe has and policyd does not tell: made of what it tells (FIELD_FIXED and after it)
 */

#include "policyd/ctl/view/view.h"

/* A text, an array of texts, or an object of texts; NULL without memory. What is in another class is fetched, once for all objects. */
struct json_object *field_make(View *v, const ViewObject *o, const Field *f);
