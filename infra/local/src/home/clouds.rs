//! The clouds that one machine serves together.

use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::provider::Provider;
use offsite_shared::providers::tencent::Tencent;

/// The providers of all clouds.
pub const PROVIDERS: [&dyn Provider; 3] = [&Alibaba, &Huawei, &Tencent];
