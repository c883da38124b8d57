// All of libsedge but the serializers for msgpack and JSON, which need their libraries: client/serializer_msgpack.h and
// client/serializer_json.h.
#pragma once

#include "client/admin.h"
#include "client/consumer.h"
#include "client/producer.h"
#include "client/serializer.h"
